import { Worker } from 'node:worker_threads';
import type { Libc } from '#libc/libc.ts';
import { requireDescriptors } from '#libc/require-descriptors.ts';
import { WakeEvent } from '#libc/wake-event.ts';
import type { SharedLimit } from '../../source-limit/source-limiter.ts';
import { QueryRing } from './query-ring.ts';
import { ReplyRing } from './reply-ring.ts';
import type { ThreadCommand, ThreadReport, ThreadSocket, ThreadStart } from './thread-start.ts';

/**
 * Descriptors that a worker takes while it starts, and some more. Node.js leaves two open each time that it can't have them all (seen with
 * 20.20; test/root/descriptors.test.ts tells).
 */
const WORKER_DESCRIPTORS = 16;

/** What all listener threads share. */
export type ThreadSurroundings = Pick<ThreadStart, 'mainFd' | 'generations' | 'hashSeed' | 'clockZeroMs' | 'clock'> & {
  readonly libc: Libc;
  /** The worker's program. */
  readonly script: URL;
  readonly sheet: (thread: number) => Float64Array;
  readonly counts: (thread: number) => Float64Array;
  /** Told when the worker has ended without having been asked to, and when the next one could not be started. */
  readonly died: (thread: ListenerThread, reason: string) => void;
};

/**
 * The main thread's side of one listener thread. Rings, counters and sockets outlive a worker that dies: the next one takes them over,
 * so what waits in the sockets is answered.
 */
export class ListenerThread {
  readonly number: number;
  readonly queries = new QueryRing();
  readonly replies = new ReplyRing();
  readonly #surroundings: ThreadSurroundings;
  readonly #wake: WakeEvent;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #sockets = new Map<number, ThreadSocket>();
  readonly #removing = new Map<number, () => void>();
  #worker: Worker | null = null;
  #hasServed = false;
  #ended: Promise<void> = Promise.resolve();

  /** `number`: from 1. */
  constructor(number: number, surroundings: ThreadSurroundings) {
    this.number = number;
    this.#surroundings = surroundings;
    this.#wake = new WakeEvent(surroundings.libc);
  }

  /** Starts a worker for the sockets there are. Resolves when it runs; rejects where it does not start. */
  async start(): Promise<void> {
    if (this.#isStopped) return;
    try {
      await this.#run();
      this.#hasServed = true;
    } catch (error) {
      if (this.#hasServed && !this.#isStopped) this.#surroundings.died(this, (error as Error).message);
      throw error;
    }
  }

  get #isStopped(): boolean {
    return Atomics.load(this.#stop, 0) !== 0;
  }

  async #run(): Promise<void> {
    const { script, sheet, counts, died, mainFd, generations, hashSeed, clockZeroMs, clock } = this.#surroundings;
    const start: ThreadStart = {
      mainFd,
      generations,
      hashSeed,
      clockZeroMs,
      clock,
      number: this.number,
      wakeFd: this.#wake.fd,
      queries: this.queries.shared,
      replies: this.replies.shared,
      stop: this.#stop,
      sheet: sheet(this.number),
      counts: counts(this.number),
      sockets: [...this.#sockets.values()],
    };
    requireDescriptors(this.#surroundings.libc, WORKER_DESCRIPTORS);
    const worker = new Worker(script, { workerData: start, name: `dns-${this.number}`, execArgv: [] });
    this.#worker = worker;
    let reason = 'it ended';
    let isReady = false;
    const ready = new Promise<void>((resolve, reject) => {
      worker.on('message', (message: ThreadReport) => {
        if (message.kind === 'removed') return this.#hasRemoved(message.socket);
        isReady = true;
        resolve();
      });
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the thread ended before it was ready')));
    });
    worker.on('error', (error) => {
      reason = error.message;
    });
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#worker = null;
        resolve();
        // Whoever waits for it to let go of a socket waits no longer.
        for (const socket of [...this.#removing.keys()]) this.#hasRemoved(socket);
        if (isReady && !this.#isStopped) died(this, reason);
      });
    });
    await ready;
  }

  /** Has the thread serve one more socket. */
  add(socket: ThreadSocket): void {
    this.#sockets.set(socket.number, socket);
    this.#tell({ kind: 'add', socket });
  }

  /** Has the thread limit the sources of a socket that it serves otherwise. */
  limit(number: number, limit: SharedLimit | null): void {
    const socket = this.#sockets.get(number);
    if (socket === undefined) return;
    this.#sockets.set(number, { ...socket, limit });
    this.#tell({ kind: 'limit', socket: number, limit });
  }

  /** Resolves once the thread has read what was in the socket and will not look at it again. */
  remove(socket: number): Promise<void> {
    this.#sockets.delete(socket);
    if (this.#worker === null) return Promise.resolve();
    const removed = new Promise<void>((resolve) => this.#removing.set(socket, resolve));
    this.#tell({ kind: 'remove', socket });
    return removed;
  }

  /** Tells the thread to end, without waiting: for the last moment of the process. */
  wakeToStop(): void {
    Atomics.store(this.#stop, 0, 1);
    this.#wake.wake();
  }

  async stop(): Promise<void> {
    this.wakeToStop();
    await this.#ended;
    this.#wake.close();
  }

  #tell(command: ThreadCommand): void {
    this.#worker?.postMessage(command);
    this.#wake.wake();
  }

  #hasRemoved(socket: number): void {
    this.#removing.get(socket)?.();
    this.#removing.delete(socket);
  }
}
