import type { Libc } from './libc.ts';

/** A sockaddr_in6, the larger of the two, with room to align what comes behind it. */
export const SOCKADDR_OCTETS = 32;
const SOCKADDR_IN6_OCTETS = 28;
/** One control message with an in6_pktinfo (16 + 20), rounded up. */
export const CONTROL_OCTETS = 40;
const IOVEC_OCTETS = 16;
const MMSGHDR_OCTETS = 64;
const WORD = 4;

/**
 * An array of `struct mmsghdr`, each with one iovec, for recvmmsg and sendmmsg (recvmmsg(2), sendmsg(2)). On 64-bit little-endian
 * Linux one is laid out as
 *
 *     0 name* | 8 name length | 16 iovec* | 24 iovec count | 32 control* | 40 control length | 48 flags | 56 message length | 64
 *
 * and an iovec as `0 base* | 8 length`. Addresses are written in two halves: they fit in 47 bits.
 */
export class MessageHeaders {
  readonly address: number;
  readonly #words: Uint32Array;
  readonly #iovecs: Uint32Array;

  constructor(libc: Libc, count: number) {
    const headers = new Uint8Array(count * MMSGHDR_OCTETS);
    const iovecs = new Uint8Array(count * IOVEC_OCTETS);
    this.#words = new Uint32Array(headers.buffer);
    this.#iovecs = new Uint32Array(iovecs.buffer);
    this.address = libc.addressOf(headers);
    const iovecsAt = libc.addressOf(iovecs);
    for (let i = 0; i < count; i++) {
      this.#put(this.#words, (i * MMSGHDR_OCTETS + 16) / WORD, iovecsAt + i * IOVEC_OCTETS);
      this.#words[(i * MMSGHDR_OCTETS + 24) / WORD] = 1;
    }
  }

  addressOf(i: number): number {
    return this.address + i * MMSGHDR_OCTETS;
  }

  /** Where the octets of message i are, or are to be put. */
  setData(i: number, address: number, octets: number): void {
    this.#put(this.#iovecs, (i * IOVEC_OCTETS) / WORD, address);
    this.#iovecs[(i * IOVEC_OCTETS + 8) / WORD] = octets;
  }

  setName(i: number, address: number, octets: number): void {
    const at = (i * MMSGHDR_OCTETS) / WORD;
    this.#put(this.#words, at, address);
    this.#words[at + 2] = octets;
  }

  setControl(i: number, address: number, octets: number): void {
    const at = (i * MMSGHDR_OCTETS + 32) / WORD;
    this.#put(this.#words, at, address);
    this.#words[at + 2] = octets;
  }

  /** Makes message i ready to be received into again. */
  rearm(i: number, controlOctets: number): void {
    const at = (i * MMSGHDR_OCTETS) / WORD;
    this.#words[at + 2] = SOCKADDR_IN6_OCTETS;
    this.#words[at + 10] = controlOctets;
  }

  nameOctets(i: number): number {
    return this.#words[(i * MMSGHDR_OCTETS + 8) / WORD] as number;
  }

  controlOctets(i: number): number {
    return this.#words[(i * MMSGHDR_OCTETS + 40) / WORD] as number;
  }

  flags(i: number): number {
    return this.#words[(i * MMSGHDR_OCTETS + 48) / WORD] as number;
  }

  /** Octets of message i that were received, at most those there was room for. */
  length(i: number): number {
    return this.#words[(i * MMSGHDR_OCTETS + 56) / WORD] as number;
  }

  #put(words: Uint32Array, at: number, address: number): void {
    words[at] = address >>> 0;
    words[at + 1] = Math.floor(address / 0x1_0000_0000);
  }
}
