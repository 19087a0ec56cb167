import { setImmediate as nextTurn } from 'node:timers/promises';
import { openTableEvents, type TableEvents } from '#netfilter/nft/events.ts';

/** When the kernel takes a transaction of the table: nft ends later, as the kernel lets it wait where something was taken out (RCU). */
export class Commits {
  readonly #events: TableEvents;

  static async open(): Promise<Commits> {
    const events = await openTableEvents({ family: 'ip', name: 'kube-proxy' });
    // The first load would be more than there is room for.
    events.pause();
    return new Commits(events);
  }

  private constructor(events: TableEvents) {
    this.#events = events;
  }

  resume(): void {
    this.forget();
    this.#events.resume();
  }

  /** Waits for the next one by looking all the time; gives when it was. */
  async next(): Promise<number> {
    while (this.#events.read().transactions.length === 0) await nextTurn();
    return performance.now();
  }

  /** What has been is not told. */
  forget(): void {
    while (!this.#events.read().isAll);
  }

  close(): void {
    this.#events.close();
  }
}
