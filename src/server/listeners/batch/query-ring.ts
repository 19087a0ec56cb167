import { CONTROL_OCTETS, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import { RecordRing } from './record-ring.ts';

/** Words of the ring's own: whether main has been woken and not looked yet; queries ever handed over; queries ever done with. */
const SIGNALLED = 2;
const HANDED = 3;
const DONE = 4;

/** Octets of queries that may wait for main: at 150 octets a query it has them answered in some 50 ms. */
const QUERY_RING_OCTETS = 256 * 1024;
/** Queries of a thread that may be on their way, most of them waiting for an upstream. */
export const CREDIT = 10_000;

/*
 *  0 socket 4 | 4 name octets 2 | 6 control octets 2 | 8 name 32 | 40 control 40 | 80 message
 */
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
    this.nameOctets = record.readUInt16LE(4);
    this.controlOctets = record.readUInt16LE(6);
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

/** Queries from a listener thread to main, with the credit that bounds those on their way. */
export class QueryRing {
  readonly #ring: RecordRing;
  #handed: number;

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
    if (((this.#handed - Atomics.load(words, DONE)) | 0) >= CREDIT) return false;
    const at = this.#ring.reserve(MESSAGE + octets);
    if (at < 0) return false;
    view.setUint32(at, socket, true);
    view.setUint16(at + 4, sizes.nameOctets(i), true);
    view.setUint16(at + 6, sizes.controlOctets(i), true);
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
