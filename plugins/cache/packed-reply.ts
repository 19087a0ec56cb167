import type { WireName } from '#dns/name.ts';
import { ResourceRecord } from '#dns/record.ts';
import { Answer } from '#plugin/index.ts';

/** Octets in front of the records, and of a record beside its owner and RDATA. */
const HEAD_OCTETS = 9;
const RECORD_OCTETS = 7;
const RECURSION_AVAILABLE = 1;
const AUTHENTIC = 2;

/*
 *     RCODE 2 | flags 1 | records in each section, 3 x 2
 *     owner, its length first, 0 for that of the record before | TYPE 2 | CLASS 2 | octets of RDATA 2 | RDATA
 */

/**
 * A reply as it is kept: a text of one character an octet, without the TTL, which is the same for all of its records. As objects it would take
 * some five times as much, and its RDATA would keep whole slabs of Node.js's pool of buffers from being freed.
 */
export const packReply = (reply: Answer): string => {
  const { rcode, isRecursionAvailable, isAuthenticData, answer, authority, additional } = reply;
  const sections = [answer, authority, additional];
  const out = Buffer.allocUnsafe(sizeOf(sections));
  out.writeUInt16BE(rcode, 0);
  out[2] = (isRecursionAvailable ? RECURSION_AVAILABLE : 0) | (isAuthenticData ? AUTHENTIC : 0);
  let at = 3;
  for (const { length } of sections) at = out.writeUInt16BE(length, at);
  let last = '';
  for (const section of sections)
    for (const { owner, type, class: klass, rdata } of section) {
      const length = owner === last ? 0 : owner.length;
      out[at++] = length;
      if (length > 0) at += out.write(owner, at, 'latin1');
      last = owner;
      at = out.writeUInt16BE(type, at);
      at = out.writeUInt16BE(klass, at);
      at = out.writeUInt16BE(rdata.length, at);
      out.set(rdata, at);
      at += rdata.length;
    }
  return out.toString('latin1');
};

const sizeOf = (sections: readonly (readonly ResourceRecord[])[]): number => {
  let octets = HEAD_OCTETS;
  let last = '';
  for (const section of sections)
    for (const { owner, rdata } of section) {
      octets += RECORD_OCTETS + (owner === last ? 0 : owner.length) + rdata.length;
      last = owner;
    }
  return octets;
};

/** What `isAuthenticData` was. */
export const isPackedAuthentic = (packed: string): boolean => (packed.charCodeAt(2) & AUTHENTIC) !== 0;

/** The reply with this TTL on every record, and AA set. */
export const unpackReply = (packed: string, ttl: number, isAuthenticData: boolean): Answer => {
  const reader = new Reader(packed, ttl);
  return new Answer({
    rcode: wordAt(packed, 0),
    isAuthoritative: true,
    isRecursionAvailable: (packed.charCodeAt(2) & RECURSION_AVAILABLE) !== 0,
    isAuthenticData,
    answer: reader.section(wordAt(packed, 3)),
    authority: reader.section(wordAt(packed, 5)),
    additional: reader.section(wordAt(packed, 7)),
  });
};

const wordAt = (packed: string, at: number): number => (packed.charCodeAt(at) << 8) | packed.charCodeAt(at + 1);

class Reader {
  readonly #packed: string;
  readonly #ttl: number;
  #at = HEAD_OCTETS;
  #owner = '';

  constructor(packed: string, ttl: number) {
    this.#packed = packed;
    this.#ttl = ttl;
  }

  section(count: number): readonly ResourceRecord[] {
    const records: ResourceRecord[] = [];
    for (let i = 0; i < count; i++) records.push(this.#record());
    return records;
  }

  #record(): ResourceRecord {
    const packed = this.#packed;
    let at = this.#at;
    const length = packed.charCodeAt(at++);
    if (length > 0) this.#owner = packed.slice(at, at + length);
    at += length;
    const type = wordAt(packed, at);
    const klass = wordAt(packed, at + 2);
    const start = at + 6;
    this.#at = start + wordAt(packed, at + 4);
    const rdata = Buffer.from(packed.slice(start, this.#at), 'latin1');
    return new ResourceRecord(this.#owner as WireName, type, this.#ttl, rdata, klass);
  }
}
