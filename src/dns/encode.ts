import { FLAG, HEADER_OCTETS, type Question } from './decode.ts';
import { type EdnsOption, optRecordOctets } from './edns.ts';
import { foldName, type WireName } from './name.ts';
import { COMPRESSED_RDATA, RDATA_LAYOUT } from './rdata-layout.ts';
import type { ResourceRecord } from './record.ts';
import { RR_TYPE } from './registry/rr-types.ts';

export const MAX_MESSAGE_OCTETS = 65_535;

/** OPT to write. `udpSize` in octets. */
export interface OptToWrite {
  readonly udpSize: number;
  readonly isDnssecOk: boolean;
  readonly options: readonly EdnsOption[];
}

/** What a message to write is made of. */
export interface MessageToWrite {
  readonly id: number;
  /** Flag bits, without RCODE and opcode; TC is added where something is cut. */
  readonly flags: number;
  readonly opcode: number;
  readonly rcode: number;
  readonly question: Question | null;
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
  readonly opt: OptToWrite | null;
}

// A record is tried before it is known to fit: its owner, fixed fields and three names may run past the largest message.
const scratch = Buffer.allocUnsafe(MAX_MESSAGE_OCTETS + 2048);
const POINTER_REACH = 0x3fff;

/** Writes one message into the shared scratch buffer; names seen before become pointers (RFC 1035, section 4.1.4). */
class MessageWriter {
  at = 0;
  #question: WireName = '' as WireName;
  /** True where the offsets of the question's suffixes are not noted: most messages have no other name in them. */
  #isQuestionNew = false;
  readonly #offsets = new Map<string, number>();

  start(): void {
    this.at = HEADER_OCTETS;
    this.#question = '' as WireName;
    this.#isQuestionNew = false;
    if (this.#offsets.size > 0) this.#offsets.clear();
  }

  /** The question, which comes first. */
  question(question: Question): void {
    this.#question = question.name;
    this.#isQuestionNew = true;
    this.at += scratch.write(question.name, this.at, 'latin1');
    scratch.writeUInt16BE(question.type, this.at);
    scratch.writeUInt16BE(question.class, this.at + 2);
    this.at += 4;
  }

  name(name: WireName, mayCompress: boolean): void {
    if (mayCompress && this.at > HEADER_OCTETS && name === this.#question && name.length > 1) {
      this.at = scratch.writeUInt16BE(0xc000 | HEADER_OCTETS, this.at);
      return;
    }
    if (this.#isQuestionNew) this.#noteQuestion();
    const folded = foldName(name);
    let start = 0;
    // By length and not up to the zero octet, so that even RDATA that is not a name ends the loop.
    while (start < name.length - 1) {
      const suffix = folded.slice(start);
      const known = this.#offsets.get(suffix);
      if (known !== undefined && mayCompress) {
        this.at += scratch.write(name.slice(0, start), this.at, 'latin1');
        this.at = scratch.writeUInt16BE(0xc000 | known, this.at);
        return;
      }
      if (known === undefined && this.at + start <= POINTER_REACH) this.#offsets.set(suffix, this.at + start);
      start += 1 + name.charCodeAt(start);
    }
    this.at += scratch.write(name, this.at, 'latin1');
  }

  #noteQuestion(): void {
    this.#isQuestionNew = false;
    const folded = foldName(this.#question);
    for (let at = 0; at < folded.length - 1; at += 1 + folded.charCodeAt(at))
      this.#offsets.set(folded.slice(at), HEADER_OCTETS + at);
  }

  /** False where the record does not fit below `limit`: nothing of it is left then. */
  record(record: ResourceRecord, limit: number): boolean {
    const start = this.at;
    if (start + 12 + record.rdata.length > limit + 512) return false;
    this.name(record.owner, true);
    const { at } = this;
    scratch.writeUInt16BE(record.type, at);
    scratch.writeUInt16BE(record.class, at + 2);
    scratch.writeUInt32BE(record.ttl >>> 0, at + 4);
    this.at = at + 10;
    if (record.rdata.length > 0 && RDATA_LAYOUT.has(record.type)) this.#rdataWithNames(record);
    else {
      if (this.at + record.rdata.length > limit) return this.#undo(start);
      scratch.set(record.rdata, this.at);
      this.at += record.rdata.length;
    }
    if (this.at > limit) return this.#undo(start);
    scratch.writeUInt16BE(this.at - at - 10, at + 8);
    return true;
  }

  opt(opt: OptToWrite, rcode: number): void {
    scratch[this.at] = 0;
    scratch.writeUInt16BE(RR_TYPE.OPT, this.at + 1);
    scratch.writeUInt16BE(opt.udpSize, this.at + 3);
    scratch.writeUInt32BE((((rcode >> 4) << 24) | (opt.isDnssecOk ? 0x8000 : 0)) >>> 0, this.at + 5);
    scratch.writeUInt16BE(optRecordOctets(opt.options) - 11, this.at + 9);
    this.at += 11;
    for (const option of opt.options) {
      scratch.writeUInt16BE(option.code, this.at);
      scratch.writeUInt16BE(option.data.length, this.at + 2);
      scratch.set(option.data, this.at + 4);
      this.at += 4 + option.data.length;
    }
  }

  /** Later names may point to names in RDATA of any type (glue to SRV targets); only those of RFC 1035 types may be pointers themselves. */
  #rdataWithNames(record: ResourceRecord): void {
    const rdata = Buffer.from(record.rdata.buffer, record.rdata.byteOffset, record.rdata.length);
    const mayCompress = COMPRESSED_RDATA.has(record.type);
    let from = 0;
    for (const step of RDATA_LAYOUT.get(record.type) ?? []) {
      let end = from;
      if (step === 'name') {
        while (end < rdata.length && rdata[end] !== 0) end += 1 + (rdata[end] as number);
        this.name(rdata.toString('latin1', from, ++end) as WireName, mayCompress);
      } else {
        end = step === 'rest' ? rdata.length : from + (step === 'string' ? 1 + (rdata[from] ?? 0) : step);
        this.at += rdata.copy(scratch, this.at, from, end);
      }
      from = end;
    }
  }

  #undo(start: number): false {
    this.at = start;
    for (const [suffix, offset] of this.#offsets) if (offset >= start) this.#offsets.delete(suffix);
    return false;
  }
}

const writer = new MessageWriter();

/**
 * Encodes a message of at most `limit` octets. Space for the OPT is kept free; answer, authority and additional are filled in that
 * order and cut at the first record that does not fit, which sets TC (as CoreDNS does, for the additional section too). EDNS options
 * that do not fit behind the question are left out: a client may send more of them for an echo than it takes back.
 */
export const encodeMessage = (message: MessageToWrite, limit: number): Buffer => {
  const bounded = Math.min(limit, MAX_MESSAGE_OCTETS);
  writer.start();
  if (message.question !== null) writer.question(message.question);
  const opt = message.opt === null ? null : withFittingOptions(message.opt, bounded - writer.at);
  const room = bounded - (opt === null ? 0 : optRecordOctets(opt.options));
  let flags = message.flags | (message.opcode << 11) | (message.rcode & 15);
  const counts: [number, number, number] = [0, 0, 0];
  const sections = [message.answer, message.authority, message.additional];
  fill: for (let section = 0; section < 3; section++) {
    for (const record of sections[section] as readonly ResourceRecord[]) {
      if (!writer.record(record, room)) {
        flags |= FLAG.TC;
        break fill;
      }
      counts[section as 0 | 1 | 2]++;
    }
  }
  if (opt !== null) {
    writer.opt(opt, message.rcode);
    counts[2]++;
  }
  scratch.writeUInt16BE(message.id, 0);
  scratch.writeUInt16BE(flags & 0xffff, 2);
  scratch.writeUInt16BE(message.question === null ? 0 : 1, 4);
  for (let section = 0; section < 3; section++) scratch.writeUInt16BE(counts[section] as number, 6 + 2 * section);
  return Buffer.from(scratch.subarray(0, writer.at));
};

/** The OPT with the first of its options that fit into so many octets. */
const withFittingOptions = (opt: OptToWrite, room: number): OptToWrite => {
  if (opt.options.length === 0 || optRecordOctets(opt.options) <= room) return opt;
  let left = room - optRecordOctets([]);
  const first = opt.options.findIndex(({ data }) => {
    left -= 4 + data.length;
    return left < 0;
  });
  return { ...opt, options: opt.options.slice(0, first) };
};
