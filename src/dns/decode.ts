import type { Edns, EdnsOption } from './edns.ts';
import { MAX_NAME_OCTETS, type WireName } from './name.ts';
import { FIXED_RDATA, RDATA_LAYOUT } from './rdata-layout.ts';
import { ResourceRecord } from './record.ts';
import { RR_TYPE } from './registry/rr-types.ts';

/** Why octets are not a DNS message; `offset` is where. A value, not a throw: bad packets are not exceptional. */
export class WireFault {
  readonly code = 'wire-format';
  readonly offset: number;
  readonly reason: string;
  constructor(offset: number, reason: string) {
    this.offset = offset;
    this.reason = reason;
  }
}

export interface Question {
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
}

/** A whole message (RFC 1035, section 4). `rcode` has the extended bits of the OPT record; the OPT is in `edns`, not in `additional`. */
export interface Message {
  readonly id: number;
  /** The header's second 16 bits as sent. */
  readonly flags: number;
  readonly opcode: number;
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly edns: Edns | null;
}

/** Bits of the header's second word (RFC 1035 section 4.1.1, RFC 4035 section 3.2). */
export const FLAG = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  Z: 0x0040,
  AD: 0x0020,
  CD: 0x0010,
} as const;
export const HEADER_OCTETS = 12;
/** Pointers in one name: more than one before each of the 126 labels that fit is of no use but to make us walk. */
const MAX_POINTERS = 126;

/** Reads forward through one message; the first fault sticks and ends the reading. */
export class WireReader {
  readonly bytes: Buffer;
  at: number;
  fault: WireFault | null = null;
  /** The name right behind the header, where it was read: most owner names point to it. */
  #first: WireName | undefined;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  fail(reason: string, offset = this.at): undefined {
    this.fault ??= new WireFault(offset, reason);
    return undefined;
  }

  /**
   * A name, decompressed. A pointer must point before the place it was reached from, so a chain of them ends; but one through all of a
   * message, walked for each of its records, would take 300 ms. RFC 1035, section 4.1.4.
   */
  name(): WireName | undefined {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    let low = at;
    let resume = -1;
    let pointers = 0;
    let wire = '';
    /** Labels from here to `at` are not in `wire` yet: one call for a run of them is cheaper than one for each. */
    let run = at;
    for (;;) {
      if (at >= bytes.length) return this.fail('name runs past the end of the message', at);
      const length = bytes[at] as number;
      if (length === 0) break;
      if (length < 64) {
        if (at + 1 + length > bytes.length) return this.fail('label runs past the end of the message', at);
        if (wire.length + at + 1 + length - run >= MAX_NAME_OCTETS)
          return this.fail('name is longer than 255 octets', at);
        at += 1 + length;
      } else if (length >= 192) {
        if (at + 1 >= bytes.length) return this.fail('pointer runs past the end of the message', at);
        const target = ((length & 63) << 8) | (bytes[at + 1] as number);
        if (target >= low || target < HEADER_OCTETS) return this.fail('pointer does not point backwards', at);
        if (++pointers > MAX_POINTERS) return this.fail('name has too many pointers', at);
        if (resume < 0) resume = at + 2;
        if (target === HEADER_OCTETS && this.#first !== undefined && at === start) {
          this.at = resume;
          return this.#first;
        }
        if (at > run) wire += bytes.toString('latin1', run, at);
        low = target;
        at = target;
        run = target;
      } else return this.fail(`label type ${length >> 6} is not known`, at);
    }
    this.at = resume < 0 ? at + 1 : resume;
    // With the octet of the root, which ends the name.
    const name = (wire + bytes.toString('latin1', run, at + 1)) as WireName;
    if (start === HEADER_OCTETS) this.#first = name;
    return name;
  }

  question(): Question | undefined {
    const name = this.name();
    if (name === undefined) return undefined;
    if (this.at + 4 > this.bytes.length) return this.fail('question is cut short');
    const question = { name, type: this.bytes.readUInt16BE(this.at), class: this.bytes.readUInt16BE(this.at + 2) };
    this.at += 4;
    return question;
  }

  record(): ResourceRecord | undefined {
    const owner = this.name();
    if (owner === undefined) return undefined;
    const { bytes, at } = this;
    if (at + 10 > bytes.length) return this.fail('record is cut short');
    const type = bytes.readUInt16BE(at);
    const klass = bytes.readUInt16BE(at + 2);
    const ttl = bytes.readUInt32BE(at + 4);
    const end = at + 10 + bytes.readUInt16BE(at + 8);
    if (end > bytes.length) return this.fail('RDATA runs past the end of the message');
    this.at = at + 10;
    const rdata = this.#rdata(type, end);
    if (rdata === undefined) return undefined;
    this.at = end;
    return new ResourceRecord(owner, type, ttl, rdata, klass);
  }

  #rdata(type: number, end: number): Uint8Array | undefined {
    const fixed = FIXED_RDATA.get(type);
    if (fixed !== undefined && end - this.at !== fixed)
      return this.fail(`RDATA has ${end - this.at} octets, expected ${fixed}`);
    const layout = end === this.at ? undefined : RDATA_LAYOUT.get(type);
    if (layout === undefined) return Buffer.from(this.bytes.subarray(this.at, end));
    let wire = '';
    for (const step of layout) {
      if (step === 'name') {
        const name = this.name();
        if (name === undefined) return undefined;
        wire += name;
      } else {
        const octets = step === 'rest' ? end - this.at : step === 'string' ? 1 + (this.bytes[this.at] ?? 0) : step;
        wire += this.bytes.toString('latin1', this.at, this.at + octets);
        this.at += octets;
      }
      if (this.at > end) return this.fail('RDATA is shorter than its fields');
    }
    if (this.at !== end) return this.fail('RDATA is longer than its fields');
    return Buffer.from(wire, 'latin1');
  }
}

/** OPT's RDATA as options; undefined where an option runs past the end. RFC 6891, section 6.1.2. */
const readOptions = (rdata: Uint8Array): EdnsOption[] | undefined => {
  const options: EdnsOption[] = [];
  let at = 0;
  while (at < rdata.length) {
    if (at + 4 > rdata.length) return undefined;
    const code = ((rdata[at] as number) << 8) | (rdata[at + 1] as number);
    const length = ((rdata[at + 2] as number) << 8) | (rdata[at + 3] as number);
    at += 4;
    if (at + length > rdata.length) return undefined;
    options.push({ code, data: rdata.subarray(at, at + length) });
    at += length;
  }
  return options;
};

const readEdns = (opt: ResourceRecord): Edns | undefined => {
  const options = readOptions(opt.rdata);
  if (opt.owner.length !== 1 || options === undefined) return undefined;
  return { udpSize: opt.class, version: (opt.ttl >>> 16) & 0xff, isDnssecOk: (opt.ttl & 0x8000) !== 0, options };
};

/** Decodes a whole message, names decompressed. Octets after the last record are ignored, as CoreDNS does. */
export const decodeMessage = (bytes: Buffer): Message | WireFault => {
  if (bytes.length < HEADER_OCTETS) return new WireFault(bytes.length, 'header is cut short');
  const reader = new WireReader(bytes, HEADER_OCTETS);
  const flags = bytes.readUInt16BE(2);
  const questions: Question[] = [];
  for (let left = bytes.readUInt16BE(4); left > 0; left--) {
    const question = reader.question();
    if (question === undefined) return reader.fault as WireFault;
    questions.push(question);
  }
  const sections: [ResourceRecord[], ResourceRecord[], ResourceRecord[]] = [[], [], []];
  let edns: Edns | null = null;
  let extended = 0;
  for (let section = 0; section < 3; section++) {
    for (let left = bytes.readUInt16BE(6 + 2 * section); left > 0; left--) {
      const start = reader.at;
      const record = reader.record();
      if (record === undefined) return reader.fault as WireFault;
      if (record.type !== RR_TYPE.OPT || section !== 2) {
        (sections[section] as ResourceRecord[]).push(record);
        continue;
      }
      if (edns !== null) return new WireFault(start, 'more than one OPT record');
      edns = readEdns(record) ?? null;
      if (edns === null) return new WireFault(start, 'OPT record is malformed');
      extended = (record.ttl >>> 24) << 4;
    }
  }
  return {
    id: bytes.readUInt16BE(0),
    flags,
    opcode: (flags >> 11) & 15,
    rcode: (flags & 15) | extended,
    questions,
    answer: sections[0],
    authority: sections[1],
    additional: sections[2],
    edns,
  };
};
