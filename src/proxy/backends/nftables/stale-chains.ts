import type { TableName } from '#netfilter/nft/ruleset.ts';
import type { WriterEnvironment } from '../../rule-backend.ts';
import { deleteChains } from './commands.ts';
import type { Changes } from './diff.ts';

/** Kernels before 6.2 count the verdict of an element that is gone for a moment longer. */
const WAIT_MS = 1000;
const RETRY_MS = 30_000;

/** Chains that nothing leads to: they are deleted later than what led to them, between syncs. */
export class StaleChains {
  readonly #environment: WriterEnvironment;
  readonly #table: TableName;
  readonly #transact: (text: readonly string[]) => Promise<void>;
  /** When each became stale. */
  readonly #names = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #retryAt = 0;
  #collecting: Promise<void> = Promise.resolve();
  #failures = 0;

  constructor(environment: WriterEnvironment, table: TableName, transact: (text: readonly string[]) => Promise<void>) {
    this.#environment = environment;
    this.#table = table;
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

  /** These changes are in the kernel. */
  note({ chains, staleChains }: Changes): void {
    const now = this.#environment.now();
    for (const { name } of chains) this.#names.delete(name);
    for (const name of staleChains) this.#names.set(name, now);
  }

  /** The table is new: nothing of the old one is in it. */
  forget(): void {
    this.#names.clear();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isPaused || this.#names.size === 0) return;
    const [oldest = 0] = this.#names.values();
    const inMs = Math.max(oldest + WAIT_MS, this.#retryAt) - this.#environment.now();
    this.#timer = setTimeout(() => this.#start(), Math.max(inMs, 1));
    this.#timer.unref();
  }

  #start(): void {
    this.#collecting = this.#collect().then(() => this.#schedule());
  }

  async #collect(): Promise<void> {
    const until = this.#environment.now() - WAIT_MS;
    const due = [...this.#names].filter(([, since]) => since <= until).map(([name]) => name);
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
    for (const name of names) this.#names.delete(name);
  }
}
