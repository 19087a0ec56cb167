import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import type { NodeCacheMetrics } from './metrics.ts';
import { answeringAddresses } from './own-query.ts';
import type { Bypass } from './rules/bypass.ts';
import type { LocalAddress } from './settings.ts';

const PERIOD_MS = 1000;
/** So soon again until each address has answered for the first time, and for so long. */
const FIRST_MS = 20;
const FIRST_LIMIT_MS = 2000;

interface KeeperParts {
  readonly addresses: readonly LocalAddress[];
  readonly port: number;
  readonly bypass: Bypass;
  readonly metrics: NodeCacheMetrics;
  readonly log: Log;
}

/**
 * Says each second that the cache is alive, as long as it answers this process's own query. It runs in the event loop that answers the clients' queries: where
 * that hangs, nothing is said, and the rules send queries elsewhere.
 */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #trouble: Trouble;
  /** Answered at the last look. */
  #answering: readonly LocalAddress[] = [];
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#trouble = new Trouble(parts.log, 'queries come to this cache again');
  }

  /**
   * To be called when the sockets are open; resolves when each address has answered, or after 2 s, and queries to those that did come here. Rejects with
   * CommandError.
   */
  async start(): Promise<void> {
    const { addresses, bypass } = this.#parts;
    const limitMs = performance.now() + FIRST_LIMIT_MS;
    await this.#look();
    while (this.#answering.length < addresses.length && performance.now() < limitMs && !this.#isStopped) {
      await new Promise((resolve) => setTimeout(resolve, FIRST_MS));
      await this.#look();
    }
    if (this.#isStopped) return;
    if (this.#answering.length > 0) await bypass.keepAlive(this.#answering);
    this.#tell();
    this.#next();
  }

  /** Says no more that the cache is alive. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#round;
    for (const { address } of this.#parts.addresses) this.#parts.metrics.alive(address, false);
  }

  #next(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#keep().finally(() => this.#next());
    }, PERIOD_MS);
  }

  async #keep(): Promise<void> {
    const { addresses, bypass, metrics } = this.#parts;
    await this.#look();
    if (this.#isStopped) return;
    try {
      if (this.#answering.length > 0) await bypass.keepAlive(this.#answering);
      this.#tell();
    } catch (error) {
      metrics.error('iptables');
      // The rules may hold for a moment yet.
      for (const { address } of addresses) metrics.alive(address, false);
      this.#trouble.tell(
        `queries can't be brought to this cache: ${(error as Error).message}; trying again each second`,
      );
    }
  }

  async #look(): Promise<void> {
    const { addresses, port } = this.#parts;
    this.#answering = await answeringAddresses(addresses, port);
  }

  #tell(): void {
    const { addresses, metrics } = this.#parts;
    const silent = addresses.filter((each) => !this.#answering.includes(each));
    for (const each of addresses) metrics.alive(each.address, !silent.includes(each));
    if (silent.length === 0) this.#trouble.isOver();
    else
      this.#trouble.tell(
        `no answer of this cache's own on ${silent.map(({ address }) => address).join(', ')}: if it stays so for 3 s, queries go to the cluster's DNS`,
        'warning',
      );
  }
}
