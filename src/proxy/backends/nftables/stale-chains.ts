import type { TableName } from '#netfilter/nft/ruleset.ts';
import type { WriterEnvironment } from '../../rule-backend.ts';
import { deleteChains } from './commands.ts';
import type { Changes } from './diff.ts';
import { isNumberChain } from './frame.ts';

/** Kernels before 6.2 count the verdict of an element that is gone for a moment longer. */
const WAIT_MS = 1000;
/** Chains for a number of endpoints are soon wanted again, as in a rollout, and making one costs more than the rest of a change. */
export const NUMBER_CHAIN_WAIT_MS = 60_000;
const RETRY_MS = 30_000;

/** Chains that nothing leads to: they are deleted later than what led to them, between syncs. */
export class StaleChains {
  readonly #environment: WriterEnvironment;
  readonly #table: TableName;
  readonly #transact: (text: readonly string[]) => Promise<void>;
  readonly #numberChainWaitMs: number;
  readonly #stale = new Map<string, StaleChain>();
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #retryAt = 0;
  #collecting: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(
    environment: WriterEnvironment,
    table: TableName,
    numberChainWaitMs: number,
    transact: (text: readonly string[]) => Promise<void>,
  ) {
    this.#environment = environment;
    this.#table = table;
    this.#numberChainWaitMs = numberChainWaitMs;
    this.#transact = transact;
  }

  /** How often a deletion has failed since the last call. */
  takeFailures(): number {
    const failures = this.#failures;
    this.#failures = 0;
    return failures;
  }

  /** Ends when nothing is being deleted; nothing will be before `resume`. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    clearTimeout(this.#timer);
    await this.#collecting;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  /** The changes without making chains that still stand there with the rules that they need. */
  without(changes: Changes): Changes {
    const chains = changes.chains.filter(({ name }) => this.#stale.get(name)?.isWhole !== true);
    return chains.length === changes.chains.length ? changes : { ...changes, chains };
  }

  /** These changes are in the kernel; a chain that they make is no longer stale. */
  note({ chains, staleChains }: Changes): void {
    for (const { name } of chains) this.#stale.delete(name);
    for (const name of staleChains) this.#add(name, isNumberChain(name));
  }

  /** The table was adopted: these are all the stale chains that are in it, and their rules may be of other options. */
  adopted(staleChains: readonly string[]): void {
    this.#stale.clear();
    for (const name of staleChains) this.#add(name, false);
  }

  #add(name: string, isWhole: boolean): void {
    const waitMs = isWhole ? this.#numberChainWaitMs : WAIT_MS;
    this.#stale.set(name, { dueAt: this.#environment.now() + waitMs, isWhole });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isPaused || this.#stale.size === 0) return;
    const dueAt = Math.min(...[...this.#stale.values()].map((chain) => chain.dueAt));
    const inMs = Math.max(dueAt, this.#retryAt) - this.#environment.now();
    this.#timer = setTimeout(() => this.#start(), Math.max(inMs, 1));
    this.#timer.unref();
  }

  #start(): void {
    this.#collecting = this.#collect().then(() => this.#schedule());
  }

  async #collect(): Promise<void> {
    const now = this.#environment.now();
    const due = [...this.#stale].filter(([, { dueAt }]) => dueAt <= now).map(([name]) => name);
    if (due.length === 0) return;
    try {
      await this.#delete(due);
    } catch (error) {
      this.#failures++;
      this.#retryAt = this.#environment.now() + RETRY_MS;
      this.#environment.log.warning(`nftables: unused chains are still there: ${(error as Error).message}`);
      // One that can't be deleted does not keep the others.
      for (const name of due.length > 1 ? due : []) await this.#delete([name]).catch(() => undefined);
    }
  }

  async #delete(names: readonly string[]): Promise<void> {
    await this.#transact([deleteChains(names, this.#table)]);
    for (const name of names) this.#stale.delete(name);
  }
}

interface StaleChain {
  readonly dueAt: number;
  /** It has its rules still. */
  readonly isWhole: boolean;
}
