import { CONTROL_OCTETS, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import { RecordRing } from './record-ring.ts';

/** Words of the ring's own: whether main has been woken and not looked yet; queries ever handed over; queries ever done with; ms at which main looked last, written once it has taken what it then wanted. */
const SIGNALLED = 2;
const HANDED = 3;
const DONE = 4;
const LOOKED = 5;

/** Octets of queries that may wait for main: at 150 octets a query it has them answered in some 50 ms. */
const QUERY_RING_OCTETS = 256 * 1024;
/** Queries of a thread that may be on their way, most of them waiting for an upstream. */
export const CREDIT = 10_000;
/**
 * While main has left a query that had waited for so long when it looked, no more are taken: those that wait are answered while somebody still listens. Main
 * that does not look is another matter: it is kept from the CPU, or has only just begun to serve, and is through with a full ring soon after that.
 */
const MOST_WAIT_MS = 500;
/** A query that main comes to so late is answered no more: its client has given up or asked again, and those behind it would be late as well. */
const OUTDATED_MS = 2000;

/*
 *  0 socket 4 | 4 name octets 1 | 5 control octets 1 | 6 ms at which it came, modulo 2^16 | 8 name 32 | 40 control 40 | 80 message
 */
const CAME_AT = 6;
const NAME = 8;
const CONTROL = NAME + SOCKADDR_OCTETS;
const MESSAGE = CONTROL + CONTROL_OCTETS;

/** Peers of the datagrams that were received, SOCKADDR_OCTETS and CONTROL_OCTETS for each. */
export interface ReceivedMemory {
  readonly names: Uint8Array;
  readonly controls: Uint8Array;
}

/** A query that a thread could not answer, copied out of the ring. */
export class HandedQuery {
  /** Number of the socket's address. */
  readonly socket: number;
  readonly nameOctets: number;
  readonly controlOctets: number;
  readonly #record: Buffer;

  constructor(record: Buffer) {
    this.#record = record;
    this.socket = record.readUInt32LE(0);
    this.nameOctets = record[4] as number;
    this.controlOctets = record[5] as number;
  }

  /** True where it has waited for too long at this moment, on main's monotonic clock. */
  isOutdated(nowMs: number): boolean {
    return waitedMs(this.#record.readUInt16LE(CAME_AT), nowMs) >= OUTDATED_MS;
  }

  get message(): Buffer {
    return this.#record.subarray(MESSAGE);
  }

  /** The record, with the peer's address at `nameAt` and the control message at `controlAt`. */
  get record(): Buffer {
    return this.#record;
  }
  static readonly nameAt = NAME;
  static readonly controlAt = CONTROL;
}

/**
 * ms since a moment of which the last 16 bits are known; at most three quarters of a minute. One up to 16 s in the future is now: main looks at its
 * clock once for many queries, and may be kept from the CPU while a thread hands more over.
 */
const waitedMs = (cameAt: number, nowMs: number): number => {
  const waited = (Math.floor(nowMs) - cameAt) & 0xffff;
  return waited > 0xc000 ? 0 : waited;
};

/** Queries from a listener thread to main, with the credit that bounds those on their way. */
export class QueryRing {
  readonly #ring: RecordRing;
  #handed: number;
  #nowMs = 0;
  #isFull = false;

  /** `shared`: the memory of a ring that is there already. */
  constructor(shared?: SharedArrayBuffer) {
    this.#ring = new RecordRing(shared ?? QUERY_RING_OCTETS);
    this.#handed = this.#ring.words[HANDED] as number;
  }

  get shared(): SharedArrayBuffer {
    return this.#ring.shared;
  }

  /** Queries that main has neither answered nor given up. */
  get inFlight(): number {
    const { words } = this.#ring;
    return (Atomics.load(words, HANDED) - Atomics.load(words, DONE)) | 0;
  }

  /** Octets that main has not looked at. */
  get octets(): number {
    return this.#ring.used;
  }

  /** Thread: looks at the clock, and at how long main has left the first query. Once a batch, before `hand`. */
  begin(nowMs: number): void {
    const { view, words } = this.#ring;
    this.#nowMs = Math.floor(nowMs) & 0xffff;
    const first = this.#ring.peek();
    if (first < 0) {
      this.#isFull = false;
      return;
    }
    const sinceLookMs = (Math.floor(nowMs) - Atomics.load(words, LOOKED)) | 0;
    this.#isFull = waitedMs(view.getUint16(first + CAME_AT, true), nowMs) - sinceLookMs >= MOST_WAIT_MS;
  }

  /** Thread: hands message i over; false where main is too far behind. */
  hand(
    socket: number,
    i: number,
    message: Uint8Array,
    octets: number,
    peers: ReceivedMemory,
    sizes: PeerSizes,
  ): boolean {
    const { words, bytes, view } = this.#ring;
    if (this.#isFull || ((this.#handed - Atomics.load(words, DONE)) | 0) >= CREDIT) return false;
    const at = this.#ring.reserve(MESSAGE + octets);
    if (at < 0) return false;
    view.setUint32(at, socket, true);
    bytes[at + 4] = sizes.nameOctets(i);
    bytes[at + 5] = sizes.controlOctets(i);
    view.setUint16(at + CAME_AT, this.#nowMs, true);
    copy(peers.names, i * SOCKADDR_OCTETS, SOCKADDR_OCTETS, bytes, at + NAME);
    copy(peers.controls, i * CONTROL_OCTETS, CONTROL_OCTETS, bytes, at + CONTROL);
    copy(message, 0, octets, bytes, at + MESSAGE);
    this.#handed = (this.#handed + 1) | 0;
    words[HANDED] = this.#handed;
    this.#ring.commit();
    return true;
  }

  /** Thread: true where main has to be woken for what was handed over. */
  signal(): boolean {
    return Atomics.exchange(this.#ring.words, SIGNALLED, 1) === 0;
  }

  /** Main: from now on it wants to be woken again. To be called before `take`. */
  listen(): void {
    Atomics.store(this.#ring.words, SIGNALLED, 0);
  }

  /** Main: it looked at this moment, on its monotonic clock, and takes no more for now. To be called after `take`. */
  looked(atMs: number): void {
    Atomics.store(this.#ring.words, LOOKED, Math.floor(atMs) | 0);
  }

  /** Main: the next query, or null. */
  take(): HandedQuery | null {
    const ring = this.#ring;
    const at = ring.peek();
    if (at < 0) return null;
    const octets = ring.lengthAt(at);
    const record = Buffer.allocUnsafe(octets);
    record.set(ring.bytes.subarray(at, at + octets));
    ring.release(at);
    return new HandedQuery(record);
  }

  /** Main: one more query is answered, or never will be. */
  done(): void {
    Atomics.add(this.#ring.words, DONE, 1);
  }
}

/** What the kernel said of each message. */
export interface PeerSizes {
  nameOctets(i: number): number;
  controlOctets(i: number): number;
}

/** For few octets a loop is faster than `set` and the views that it needs. */
const copy = (from: Uint8Array, start: number, octets: number, to: Uint8Array, at: number): void => {
  for (let i = 0; i < octets; i++) to[at + i] = from[start + i] as number;
};
