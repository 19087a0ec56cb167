import type { Libc } from '#libc/libc.ts';
import type { Log } from '#log/log.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { UdpCounts } from '../udp-counts.ts';
import { ListenerThread, type ThreadSurroundings } from './listener-thread.ts';
import type { HandedQuery } from './query-ring.ts';
import { ThreadMetrics } from './thread-metrics.ts';
import { WakePipe } from './wake-pipe.ts';

/** Queries answered before the event loop gets its turn, all threads together. */
const QUERIES_A_TURN = 256;
/** A thread that dies again within this time is not replaced before it is over. */
const RESTART_PAUSE_MS = 1000;

export interface BatchThreadsOptions extends Omit<ThreadSurroundings, 'mainFd' | 'sheet' | 'counts' | 'died'> {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly counts: UdpCounts;
}

/** What serves the sockets of one address. */
export interface HandedQueries {
  handle(query: HandedQuery, thread: ListenerThread): void;
  /** All queries at hand are handled for now. */
  flush(): void;
  /** Datagrams that the kernel dropped for want of room. */
  readonly drops: number;
  /** Gives a thread that is new its socket. */
  addThread(thread: ListenerThread): void;
  /** Takes the sockets of the threads from this number on away, without losing a query. */
  keepThreads(count: number): Promise<void>;
}

/** The listener threads of the process. Each serves one socket of every address. */
export class BatchThreads {
  readonly metrics: ThreadMetrics;
  readonly #options: BatchThreadsOptions;
  readonly #pipe: WakePipe;
  readonly #addresses = new Map<number, HandedQueries>();
  readonly #startedAtMs = new WeakMap<ListenerThread, number>();
  #threads: ListenerThread[] = [];
  #nextAddress = 0;
  #pastDrops = 0;
  #isClosed = false;
  #isDraining = false;
  readonly #wakeAll = (): void => {
    for (const thread of this.#threads) thread.wakeToStop();
  };

  private constructor(options: BatchThreadsOptions) {
    this.#options = options;
    this.#pipe = new WakePipe(options.libc, () => this.#woken());
    // A thread waits in the kernel, where nothing else reaches it: every way out of the process passes here.
    process.on('exit', this.#wakeAll);
    this.metrics = new ThreadMetrics(options.metrics);
    this.metrics.threads.follow(() => this.#threads.length);
    this.metrics.drops.follow(() =>
      [...this.#addresses.values()].reduce((sum, { drops }) => sum + drops, this.#pastDrops),
    );
  }

  /** Starts this many threads; rejects where one does not start. */
  static async start(count: number, options: BatchThreadsOptions): Promise<BatchThreads> {
    const threads = new BatchThreads(options);
    try {
      await threads.resize(count);
    } catch (error) {
      await threads.close();
      throw error;
    }
    return threads;
  }

  get libc(): Libc {
    return this.#options.libc;
  }

  get threads(): readonly ListenerThread[] {
    return this.#threads;
  }

  /** Registers an address; gives its number. */
  register(address: HandedQueries): number {
    const number = this.#nextAddress++;
    this.#addresses.set(number, address);
    return number;
  }

  forget(number: number): void {
    this.#pastDrops += this.#addresses.get(number)?.drops ?? 0;
    this.#addresses.delete(number);
  }

  /** Makes it this many threads. New ones get a socket of every address; those that go are emptied first. */
  async resize(count: number): Promise<void> {
    const before = this.#threads.length;
    try {
      while (this.#threads.length < count) await this.#grow();
    } catch (error) {
      await this.#shrink(before);
      throw error;
    }
    if (this.#threads.length > count) await this.#shrink(count);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    process.off('exit', this.#wakeAll);
    await Promise.all(this.#threads.map((thread) => thread.stop()));
    this.drainAll();
    this.#pipe.close();
  }

  /** Handles all that threads have handed over: before something goes that it needs. */
  drainAll(): void {
    while (this.drain());
  }

  /** Handles what threads have handed over, of each as much as of the others; true where there may be more. */
  drain(): boolean {
    if (this.#isDraining) return false;
    this.#isDraining = true;
    const most = Math.ceil(QUERIES_A_TURN / this.#threads.length);
    let isMore = false;
    const { clock } = this.#options;
    const nowMs = clock === null ? performance.now() : (clock[0] as number);
    for (const { queries } of this.#threads) queries.listen();
    try {
      for (const thread of this.#threads) if (this.#drainThread(thread, most, nowMs)) isMore = true;
      for (const address of this.#addresses.values()) address.flush();
    } finally {
      this.#isDraining = false;
    }
    return isMore;
  }

  #woken(): void {
    if (this.drain()) setImmediate(() => this.#woken());
  }

  /** Handles at most this many; true where it was so many. */
  #drainThread(thread: ListenerThread, most: number, nowMs: number): boolean {
    const isMore = this.#take(thread, most, nowMs);
    thread.queries.looked(nowMs);
    return isMore;
  }

  #take(thread: ListenerThread, most: number, nowMs: number): boolean {
    for (let left = most; left > 0; left--) {
      const query = thread.queries.take();
      if (query === null) return false;
      const address = this.#addresses.get(query.socket);
      if (query.isOutdated(nowMs)) {
        this.#options.counts.outdated(thread.number).add();
        thread.queries.done();
      } else if (address === undefined) thread.queries.done();
      else address.handle(query, thread);
    }
    return true;
  }

  async #grow(): Promise<void> {
    const thread = new ListenerThread(this.#threads.length + 1, {
      ...this.#options,
      mainFd: this.#pipe.writeFd,
      sheet: (number) => this.#options.metrics.cells.sheet(number),
      counts: (number) => this.#options.counts.of(number),
      died: (dead, reason) => this.#replace(dead, reason),
    });
    this.#threads.push(thread);
    this.#options.counts.followLevels(thread.number, {
      inFlight: () => thread.queries.inFlight,
      queryOctets: () => thread.queries.octets,
      replyOctets: () => thread.replies.octets,
      untaught: () => thread.replies.untaught,
    });
    this.#startedAtMs.set(thread, performance.now());
    await thread.start();
    for (const address of this.#addresses.values()) address.addThread(thread);
  }

  async #shrink(count: number): Promise<void> {
    for (const address of this.#addresses.values()) await address.keepThreads(count);
    await Promise.all(this.#threads.slice(count).map((thread) => thread.stop()));
    this.drainAll();
    this.#threads = this.#threads.slice(0, count);
  }

  #replace(dead: ListenerThread, reason: string): void {
    if (this.#isClosed) return;
    const { log } = this.#options;
    // It may have ended between handing a query over and waking main.
    this.#woken();
    this.metrics.restarts.add();
    const livedMs = performance.now() - (this.#startedAtMs.get(dead) ?? 0);
    const pauseMs = livedMs < RESTART_PAUSE_MS ? RESTART_PAUSE_MS : 0;
    log.error(`UDP listener thread ${dead.number} died and is replaced: ${reason}`);
    setTimeout(() => {
      if (this.#isClosed || !this.#threads.includes(dead)) return;
      this.#startedAtMs.set(dead, performance.now());
      // One that does not even start has died, too, and then it is tried again.
      dead.start().catch(() => undefined);
    }, pauseMs);
  }
}
