import { openTableEvents, type TableEvents } from '#netfilter/nft/events.ts';
import type { TableName } from '#netfilter/nft/ruleset.ts';
import type { WriterEnvironment } from '../../rule-backend.ts';

/** How often others' changes are looked for. */
const PERIOD_MS = 250;
/**
 * Text of a transaction of ours whose events are not listened to: some thousand elements. For each the kernel keeps several KiB until
 * the transaction is over, where anybody listens; and all of them are to fit into the receive buffer.
 */
const LARGE_OCTETS = 128 * 1024;

/**
 * Tells transactions of others in our table from our own: the socket that nft uses has the number of its process as its port, also where
 * this program has process numbers of its own (a container). Where that number is taken, the kernel still tells the process.
 *
 * A change of others within a large transaction of ours, until its nft has ended, is not told: what ours does not write over stays until
 * a dry run finds it, or the next look at the whole table.
 */
export class ForeignChanges {
  readonly #environment: WriterEnvironment;
  readonly #table: TableName;
  readonly #changed: (what: string) => void;
  #events: TableEvents | null = null;
  #opening: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Whose events come now is known when our nft has ended. */
  #isWriting = false;
  #isPaused = false;
  /** Processes of our transactions whose events may wait to be read. */
  readonly #own = new Set<number>();

  constructor(environment: WriterEnvironment, table: TableName, changed: (what: string) => void) {
    this.#environment = environment;
    this.#table = table;
    this.#changed = changed;
  }

  /** What happens from then on is told; what was before is not. Never rejects: where it can't be, a line says so. */
  start(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** A transaction of ours begins. */
  writing(text: readonly string[]): void {
    this.#isWriting = true;
    if (text.reduce((sum, piece) => sum + piece.length, 0) < LARGE_OCTETS) return;
    this.#attempt((events) => {
      events.pause();
      this.#isPaused = true;
      // Nothing is added now, so this ends.
      while (!this.#readPart(events));
    });
  }

  /** It is over; `pid` is the process that has committed it, if one has. */
  written(pid: number | undefined): void {
    this.#isWriting = false;
    if (pid !== undefined) this.#own.add(pid);
    this.#attempt((events) => {
      if (this.#isPaused) events.resume();
      this.#isPaused = false;
      this.#readPart(events);
    });
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#events?.close();
    this.#events = null;
  }

  async #open(): Promise<void> {
    const { openEvents = openTableEvents } = this.#environment;
    try {
      const events = await openEvents(this.#table);
      if (this.#isClosed) {
        events.close();
        return;
      }
      this.#events = events;
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#timer = setInterval(() => {
      if (!this.#isWriting) this.#attempt((events) => void this.#readPart(events));
    }, PERIOD_MS);
    this.#timer.unref();
  }

  /** True where nothing more waits. */
  #readPart(events: TableEvents): boolean {
    const { transactions, isLost, isAll } = events.read();
    for (const { port, pid, processName, text } of transactions) {
      if (!this.#own.has(port) && !this.#own.has(pid)) this.#changed(`process ${pid}, ${processName}: ${text}`);
    }
    if (isLost) this.#changed('changes were too many to be told one by one');
    // The events of a transaction wait before its nft ends.
    if (isAll) this.#own.clear();
    return isAll;
  }

  #attempt(work: (events: TableEvents) => void): void {
    if (this.#events === null) return;
    try {
      work(this.#events);
    } catch (error) {
      this.close();
      this.#giveUp(error);
    }
  }

  #giveUp(error: unknown): void {
    const { family, log } = this.#environment;
    const why = error instanceof Error ? error.message : String(error);
    log.info(`${family}: the kernel can't be heard (${why}): changes of others are looked for each sync period only`);
  }
}
