import { FLAG, HEADER_OCTETS } from './decode.ts';
import { MIN_UDP_OCTETS } from './edns.ts';
import { RR_TYPE } from './registry/rr-types.ts';

const OPT_OCTETS = 11;
/** Header bits that a plain query may have: RD, AD, CD. */
const PLAIN_FLAGS = FLAG.RD | FLAG.AD | FLAG.CD;

/** A-Z to a-z for one octet; a length octet is at most 63 and never changes. */
export const foldOctet = (octet: number): number => (octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet);

/**
 * Looks at a query in place, without allocating: header, question walked once, an OPT without options. One object serves all the
 * queries of a listener.
 *
 *     header 12 | QNAME ... 0 | QTYPE 2 | QCLASS 2 | [ 0 | 41 | size 2 | 0 0 DO 0 | 0 0 ]
 *                              ^ nameEnd            ^ questionEnd
 */
export class MessageView {
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset after the QNAME's root label. */
  nameEnd = 0;
  questionEnd = 0;
  /** Hash of the folded QNAME, type and class. */
  hash = 0;
  hasOpt = false;
  isDnssecOk = false;
  /** Largest UDP reply in octets this client takes. */
  udpLimit = MIN_UDP_OCTETS;
  /** RD, AD and CD as they stand in the header's second word. */
  flags = 0;
  requestOctets = 0;
  isTcp = false;
  isIPv6 = false;
  readonly #seed: number;

  /** `seed`: an unpredictable 32-bit number, so that names cannot be chosen to collide. */
  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /**
   * Reads the message in the first `length` octets. False for anything but a plain query: other header bits, other counts, a
   * compressed QNAME, EDNS options, octets left over.
   */
  read(bytes: Uint8Array, length: number, isIPv6: boolean, isTcp: boolean): boolean {
    if (length < HEADER_OCTETS + 5) return false;
    const flags = ((bytes[2] as number) << 8) | (bytes[3] as number);
    if ((flags & ~PLAIN_FLAGS) !== 0) return false;
    if (bytes[4] !== 0 || bytes[5] !== 1 || bytes[6] !== 0 || bytes[7] !== 0 || bytes[8] !== 0 || bytes[9] !== 0)
      return false;
    if (bytes[10] !== 0 || (bytes[11] as number) > 1) return false;
    const nameEnd = this.#walk(bytes, length);
    if (nameEnd < 0 || nameEnd + 4 > length) return false;
    const end = nameEnd + 4;
    if (bytes[11] === 1) {
      if (!this.#readOpt(bytes, end, length)) return false;
    } else {
      if (end !== length) return false;
      this.hasOpt = false;
      this.isDnssecOk = false;
      this.udpLimit = MIN_UDP_OCTETS;
    }
    let { hash } = this;
    for (let at = nameEnd; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    this.hash = hash ^ (hash >>> 15);
    this.bytes = bytes;
    this.nameEnd = nameEnd;
    this.questionEnd = end;
    this.flags = flags;
    this.requestOctets = length;
    this.isTcp = isTcp;
    this.isIPv6 = isIPv6;
    return true;
  }

  /** What makes two questions with one name, type and class different to answer or to count: DO, CD, AD, OPT, address family, transport. */
  get variant(): number {
    return (
      (this.flags & (FLAG.AD | FLAG.CD)) |
      (this.isDnssecOk ? 1 : 0) |
      (this.hasOpt ? 2 : 0) |
      (this.isIPv6 ? 4 : 0) |
      (this.isTcp ? 8 : 0)
    );
  }

  /** Walks the QNAME, hashing it folded; the offset after it, or -1. */
  #walk(bytes: Uint8Array, length: number): number {
    let at = HEADER_OCTETS;
    let hash = this.#seed;
    for (;;) {
      if (at >= length) return -1;
      const label = bytes[at] as number;
      hash = Math.imul(hash ^ label, 0x01000193);
      at++;
      if (label === 0) break;
      if (label > 63) return -1;
      const end = at + label;
      if (end >= length || end - HEADER_OCTETS > 254) return -1;
      for (; at < end; at++) hash = Math.imul(hash ^ foldOctet(bytes[at] as number), 0x01000193);
    }
    this.hash = hash;
    return at;
  }

  #readOpt(bytes: Uint8Array, at: number, length: number): boolean {
    if (at + OPT_OCTETS !== length || bytes[at] !== 0 || bytes[at + 1] !== 0 || bytes[at + 2] !== RR_TYPE.OPT)
      return false;
    if (bytes[at + 5] !== 0 || bytes[at + 6] !== 0 || ((bytes[at + 7] as number) & 0x7f) !== 0 || bytes[at + 8] !== 0)
      return false;
    if (bytes[at + 9] !== 0 || bytes[at + 10] !== 0) return false;
    this.hasOpt = true;
    this.isDnssecOk = ((bytes[at + 7] as number) & 0x80) !== 0;
    const size = ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
    this.udpLimit = size < MIN_UDP_OCTETS ? MIN_UDP_OCTETS : size;
    return true;
  }
}
