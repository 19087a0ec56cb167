import type { SharedLimit } from '../../source-limit/source-limiter.ts';

/** A socket that a thread is to serve. */
export interface ThreadSocket {
  /** Number of its address, the same in all threads. */
  readonly number: number;
  readonly fd: number;
  /** Octets of replies remembered for the address by this thread; 0: none are. */
  readonly memoryOctets: number;
  /** What its sources get at the most; null: there is no limit. */
  readonly limit: SharedLimit | null;
}

/** What a listener thread is started with; all of it is numbers or shared memory. */
export interface ThreadStart {
  /** From 1; 0 is the main thread's. */
  readonly number: number;
  /** eventfd that wakes it. */
  readonly wakeFd: number;
  /** Pipe that wakes main. */
  readonly mainFd: number;
  readonly queries: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
  /** Not 0: end. */
  readonly stop: Int32Array;
  readonly sheet: Float64Array;
  readonly counts: Float64Array;
  readonly generations: Int32Array<SharedArrayBuffer>;
  readonly hashSeed: number;
  /** What the main thread's monotonic clock shows when the machine's (`process.hrtime`) shows 0, ms. */
  readonly clockZeroMs: number;
  /** A clock of its own (ms in its first number), for tests; null: the machine's. */
  readonly clock: Float64Array | null;
  readonly sockets: readonly ThreadSocket[];
}

/** Main to a thread. A thread that is woken reads these. */
export type ThreadCommand =
  | { readonly kind: 'add'; readonly socket: ThreadSocket }
  /** Another limit for a socket that it serves. */
  | { readonly kind: 'limit'; readonly socket: number; readonly limit: SharedLimit | null }
  /** Empties the socket, forgets it, and says so. */
  | { readonly kind: 'remove'; readonly socket: number };

/** A thread to main. */
export type ThreadReport =
  /** It serves its sockets. */
  { readonly kind: 'ready' } | { readonly kind: 'removed'; readonly socket: number };

/** Places of a thread's numbers in `counts`. */
export const COUNT = {
  received: 0,
  remembered: 1,
  handed: 2,
  dropped: 3,
  sendFailures: 4,
  batches: 5,
  memoryOctets: 6,
  limited: 7,
} as const;
export type CountName = keyof typeof COUNT;
export const COUNTS = Object.keys(COUNT).length;
