import { loadLibc } from '#libc/libc.ts';
import type { Services } from '#plugin/index.ts';
import { BatchThreads } from './batch/batch-threads.ts';
import { DgramQueries, MAIN_THREAD } from './dgram-queries.ts';
import type { ListenAddress, Listener } from './listener.ts';
import { readCpuFacts, threadCount } from './thread-count.ts';
import { UdpBatchListener } from './udp-batch.ts';
import { UdpCounts } from './udp-counts.ts';
import { UdpDgramListener } from './udp-dgram.ts';

/** More threads than this are not started, whatever `multisocket` says: each costs some 10 MB. */
const MOST_THREADS = 64;

/** `auto`: by batches where that works here, else by dgram. `batch`: by batches, or the start fails. */
export type UdpOptions = { readonly mode: 'dgram' } | BatchOptions;

interface BatchOptions {
  readonly mode: 'auto' | 'batch';
  /** Program of the listener threads (src/server/listeners/batch/thread.ts, bundled). */
  readonly threadScript: URL;
  /** ms in its first number, in place of the machine's clock: for tests. */
  readonly clock?: Float64Array;
}

interface Surroundings {
  readonly services: Pick<Services, 'metrics' | 'log' | 'generations' | 'clock' | 'sharedPorts'>;
  readonly hashSeed: number;
}

/** The UDP listeners of the process: chooses between batches and dgram, once. */
export class UdpListeners {
  readonly #options: UdpOptions;
  readonly #surroundings: Surroundings;
  #threads: BatchThreads | null = null;
  readonly #counts: UdpCounts;
  #dgramQueries: DgramQueries | null = null;
  #isPrepared = false;

  constructor(options: UdpOptions, surroundings: Surroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#counts = new UdpCounts(surroundings.services.metrics);
  }

  /** Octets of replies that main remembers, for TCP and dgram. */
  followMainMemory(octets: () => number): void {
    this.#counts.memory(MAIN_THREAD).follow(octets);
  }

  /** Starts listener threads, at least as many as are wanted now (0: as many as suit the machine). Rejects in mode `batch` where there can't be any. */
  async prepare(wanted: number): Promise<void> {
    const options = this.#options;
    if (options.mode === 'dgram') return;
    const count = countOf(wanted);
    if (this.#isPrepared) {
      const threads = this.#threads;
      await threads?.resize(Math.max(count, threads.threads.length));
      return;
    }
    this.#isPrepared = true;
    const { log } = this.#surroundings.services;
    try {
      this.#threads = await this.#start(count, options);
      log.debug(`UDP: batches in ${count === 1 ? 'one listener thread' : `${count} listener threads`}`);
    } catch (error) {
      if (options.mode === 'batch') throw error;
      log.warning(`UDP: one datagram a system call, because batches can't be had: ${(error as Error).message}`);
    }
  }

  /** Ends the threads that are more than these: after all that can fail. */
  async settle(wanted: number): Promise<void> {
    const threads = this.#threads;
    await threads?.resize(Math.min(countOf(wanted), threads.threads.length));
  }

  async open(address: ListenAddress): Promise<Listener> {
    const { services } = this.#surroundings;
    if (this.#threads !== null) return UdpBatchListener.open(address, this.#threads, services);
    const libc = services.sharedPorts === undefined ? null : await loadLibc();
    return UdpDgramListener.open(address, this.#dgram(), { libc });
  }

  /** Ends the threads; all listeners must be closed by then. */
  async close(): Promise<void> {
    await this.#threads?.close();
    this.#threads = null;
  }

  /** What all listeners by dgram share, made with the first. */
  #dgram(): DgramQueries {
    this.#dgramQueries ??= new DgramQueries(this.#surroundings.services, this.#counts);
    return this.#dgramQueries;
  }

  async #start(count: number, options: BatchOptions): Promise<BatchThreads> {
    const { services, hashSeed } = this.#surroundings;
    const { metrics, log, generations, clock } = services;
    return BatchThreads.start(count, {
      libc: await loadLibc(),
      script: options.threadScript,
      metrics,
      counts: this.#counts,
      log,
      generations: generations.words,
      hashSeed,
      clockZeroMs: clock.monotonicMs() - Number(process.hrtime.bigint()) / 1e6,
      clock: options.clock ?? null,
    });
  }
}

const countOf = (wanted: number): number => Math.min(MOST_THREADS, threadCount({ ...readCpuFacts(), wanted }));
