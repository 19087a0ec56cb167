import type { Log } from '#log/log.ts';
import { type OpenTableEvents, openTableEvents, type TableEvents } from '#netfilter/nft/events.ts';
import { type Family, nftFamily, PERMANENT_TABLE } from './names.ts';

/** How often changes are looked for. */
const PERIOD_MS = 200;

/** Tells of each change of the permanent table, by whomever. */
export class TableWatch {
  readonly #log: Log;
  readonly #open: OpenTableEvents;
  readonly #events: TableEvents[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(log: Log, open: OpenTableEvents = openTableEvents) {
    this.#log = log;
    this.#open = open;
  }

  /** Never rejects: where the kernel can't be heard, a line says so. */
  async start(families: readonly Family[], changed: () => void): Promise<void> {
    try {
      for (const family of families) {
        const events = await this.#open({ family: nftFamily(family), name: PERMANENT_TABLE });
        if (this.#isClosed) return events.close();
        this.#events.push(events);
      }
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#timer = setInterval(() => this.#read(changed), PERIOD_MS);
    this.#timer.unref();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const events of this.#events.splice(0)) events.close();
  }

  #read(changed: () => void): void {
    try {
      let isChanged = false;
      for (const events of this.#events) {
        const { transactions, isLost } = events.read();
        isChanged ||= isLost || transactions.length > 0;
      }
      if (isChanged) changed();
    } catch (error) {
      this.close();
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#log.warning(`the kernel can't be heard (${why}): changed rules are found at each sync interval only`);
  }
}
