import { FLAG, HEADER_OCTETS } from '#dns/decode.ts';
import { foldOctet, type MessageView } from '#dns/message-view.ts';
import { rotate } from '#dns/patch.ts';
import type { Generations } from '#plugin/generations.ts';
import { Arena } from './arena.ts';
import { BORN, LISTS, OPT_SIZE_AT, questionWord, type RecordMemory, UNTIL, WORD } from './record.ts';

export interface AnswerMemoryOptions {
  readonly generations: Generations;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Octets that it holds at the most. */
  readonly maxOctets: number;
  /** The sheet of cells that its thread counts on (src/metrics/cells.ts). */
  readonly sheet: Float64Array;
}

/** What the memory has done so far. */
export interface AnswerMemoryCounts {
  hits: number;
  remembered: number;
  evicted: number;
  /** Replies found that a change or their age had made unusable. */
  outdated: number;
}

/** Replies of one hash: the spellings and variants of a name share one, and nobody may make looking through them slow. */
const MAX_OF_ONE_HASH = 16;
/** About as many as there are records of 512 octets. */
const bucketsFor = (octets: number): number => 1 << Math.max(4, Math.ceil(Math.log2(octets / 512)));

/**
 * Encoded replies by question, sent again with the few octets patched that differ: ID, RD, CD, the question's spelling, the
 * OPT's size, TTLs, the SOA's serial, the order of addresses. A reply is used only while every generation it was made from stands
 * (docs/architecture.md, "The fast path"), so a change is never followed by an old answer.
 *
 * A reply is a record in an arena; what `find` gives is valid until the next `remember`.
 */
export class AnswerMemory {
  readonly counts: AnswerMemoryCounts = { hits: 0, remembered: 0, evicted: 0, outdated: 0 };
  readonly #options: AnswerMemoryOptions;
  readonly #generations: Int32Array;
  readonly #sheet: Float64Array;
  readonly #arena: Arena;
  readonly #memory: RecordMemory;
  /** Offset of the first record of each bucket, plus one; 0 where it is empty. Records link to the next alike. */
  readonly #buckets: Int32Array;

  constructor(options: AnswerMemoryOptions) {
    this.#options = options;
    this.#generations = options.generations.words;
    this.#sheet = options.sheet;
    this.#arena = new Arena(options.maxOctets, {
      moved: (from, to) => this.#relink(from, to + 1, this.#word(to, 'hash')),
      evicted: (at) => {
        this.counts.evicted++;
        this.#relink(at, this.#word(at, 'next'), this.#word(at, 'hash'));
      },
    });
    this.#memory = this.#arena.memory;
    this.#buckets = new Int32Array(bucketsFor(options.maxOctets));
  }

  get octets(): number {
    return this.#arena.used;
  }

  /**
   * The record that answers the query in view at this monotonic time, or -1. What is found outdated stays where it is: most often the
   * next reply to its question takes its place.
   */
  find(view: MessageView, nowMs: number): number {
    const { words } = this.#memory;
    let link = this.#buckets[view.hash & (this.#buckets.length - 1)] as number;
    while (link !== 0 && !this.#matches(link - 1, view)) link = words[(link - 1) / 4 + WORD.next] as number;
    if (link === 0) return -1;
    const at = link - 1;
    if (nowMs >= (this.#memory.times[at / 8 + UNTIL] as number) || !this.#isCurrent(at)) {
      this.counts.outdated++;
      return -1;
    }
    return view.isTcp || this.lengthAt(at) <= view.udpLimit ? at : -1;
  }

  /** Octets of the reply of a record. */
  lengthAt(at: number): number {
    return this.#word(at, 'messageOctets');
  }

  /** Writes the reply to the query in view at `start`, which has room for `lengthAt` octets and is not the query's own place, and counts it. */
  write(at: number, view: MessageView, nowMs: number, out: Uint8Array, start: number): void {
    const { words, bytes: memory, times } = this.#memory;
    const header = at / 4;
    this.#arena.warm(at);
    this.counts.hits++;
    this.#count(header);
    const { bytes, nameEnd } = view;
    const length = words[header + WORD.messageOctets] as number;
    const message = 4 * questionWord(words, header) + (words[header + WORD.questionOctets] as number);
    for (let i = 0; i < length; i++) out[start + i] = memory[message + i] as number;
    out[start] = bytes[0] as number;
    out[start + 1] = bytes[1] as number;
    out[start + 2] = ((out[start + 2] as number) & ~(FLAG.RD >> 8)) | ((view.flags & FLAG.RD) >> 8);
    for (let i = HEADER_OCTETS; i < nameEnd; i++) out[start + i] = bytes[i] as number;
    const opt = words[header + WORD.optOffset] as number;
    if (opt >= 0) {
      const size = start + opt + OPT_SIZE_AT;
      const asked = view.questionEnd + OPT_SIZE_AT;
      // What the record has there is the limit of it.
      if (sizeAt(bytes, asked) < sizeAt(out, size)) {
        out[size] = bytes[asked] as number;
        out[size + 1] = bytes[asked + 1] as number;
      }
    }
    const bornAtMs = times[at / 8 + BORN] as number;
    if (bornAtMs >= 0) this.#countDown(header, Math.floor((nowMs - bornAtMs) / 1000), out, start);
    const serial = words[header + WORD.serialOffset] as number;
    if (serial >= 0)
      putWord(out, start + serial, Atomics.load(this.#generations, words[header + WORD.serialValue] as number));
    if (words[header + WORD.rotating] !== 0) this.#rotate(header, out, start);
  }

  /** Keeps a reply, whose record stands in another memory, in place of any other to its question. */
  remember(source: RecordMemory, start: number): void {
    const from = start / 4;
    const size = source.words[from + WORD.size] as number;
    const hash = source.words[from + WORD.hash] as number;
    const outgoing = this.#outgoing(source, from, hash);
    const isSameSize = outgoing >= 0 && this.#word(outgoing, 'size') === size;
    if (outgoing >= 0) this.#relink(outgoing, this.#word(outgoing, 'next'), this.#word(outgoing, 'hash'));
    if (outgoing >= 0 && !isSameSize) this.#arena.kill(outgoing);
    const at = isSameSize ? outgoing : this.#arena.allocate(size);
    if (at < 0) return;
    this.#memory.bytes.set(source.bytes.subarray(start, start + size), at);
    const bucket = this.#bucketOf(hash);
    this.#memory.words[at / 4 + WORD.next] = this.#buckets[bucket] as number;
    this.#buckets[bucket] = at + 1;
    this.counts.remembered++;
  }

  /** The record of the reply to the same question, or the oldest of too many with one hash, or -1. */
  #outgoing(source: RecordMemory, from: number, hash: number): number {
    const { words } = this.#memory;
    let ofOneHash = 0;
    let outgoing = -1;
    for (let link = this.#buckets[this.#bucketOf(hash)] as number; link !== 0; ) {
      const header = (link - 1) / 4;
      if (words[header + WORD.hash] === hash) {
        if (isSameQuestion(source, from, this.#memory, header)) return link - 1;
        if (++ofOneHash >= MAX_OF_ONE_HASH) outgoing = link - 1;
      }
      link = words[header + WORD.next] as number;
    }
    return outgoing;
  }

  #bucketOf(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }

  #matches(at: number, view: MessageView): boolean {
    const { words, bytes: memory } = this.#memory;
    const header = at / 4;
    if (words[header + WORD.hash] !== view.hash || words[header + WORD.variant] !== view.variant) return false;
    const octets = words[header + WORD.questionOctets] as number;
    if (octets !== view.questionEnd - HEADER_OCTETS) return false;
    const { bytes } = view;
    const question = 4 * questionWord(words, header);
    const folded = words[header + WORD.isSpellingBound] === 1 ? 0 : view.nameEnd - HEADER_OCTETS;
    for (let i = 0; i < folded; i++)
      if (foldOctet(bytes[HEADER_OCTETS + i] as number) !== memory[question + i]) return false;
    for (let i = folded; i < octets; i++) if (bytes[HEADER_OCTETS + i] !== memory[question + i]) return false;
    return true;
  }

  #isCurrent(at: number): boolean {
    const { words } = this.#memory;
    const header = at / 4;
    const count = words[header + WORD.slots] as number;
    const slots = header + LISTS + 2 * (words[header + WORD.ttls] as number);
    for (let i = slots; i < slots + count; i++)
      if (Atomics.load(this.#generations, words[i] as number) !== words[i + count]) return false;
    return true;
  }

  #count(header: number): void {
    const { words } = this.#memory;
    const sheet = this.#sheet;
    const count = words[header + WORD.cells] as number;
    const cells = header + LISTS + 2 * ((words[header + WORD.ttls] as number) + (words[header + WORD.slots] as number));
    for (let i = cells; i < cells + count; i++) {
      const cell = words[i] as number;
      sheet[cell] = (sheet[cell] as number) + (words[i + count] as number);
    }
  }

  /** Takes the seconds of a reply's age off its TTLs. */
  #countDown(header: number, ageSeconds: number, out: Uint8Array, start: number): void {
    const { words } = this.#memory;
    const age = ageSeconds - (words[header + WORD.agedSeconds] as number);
    if (age <= 0) return;
    const count = words[header + WORD.ttls] as number;
    const offsets = header + LISTS;
    for (let i = offsets; i < offsets + count; i++)
      putWord(out, start + (words[i] as number), Math.max(0, ((words[i + count] as number) >>> 0) - age));
  }

  #rotate(header: number, out: Uint8Array, start: number): void {
    const { words } = this.#memory;
    const end = questionWord(words, header);
    let at = end - (words[header + WORD.rotating] as number);
    while (at < end) {
      const count = words[at + 1] as number;
      rotate(out, start, words, at + 2, count, words[at] as number, this.#options.random);
      at += 2 + count;
    }
  }

  /** Makes what links to the record at `at` link elsewhere. */
  #relink(at: number, link: number, hash: number): void {
    const { words } = this.#memory;
    const bucket = this.#bucketOf(hash);
    if (this.#buckets[bucket] === at + 1) {
      this.#buckets[bucket] = link;
      return;
    }
    for (let before = this.#buckets[bucket] as number; before !== 0; ) {
      const next = (before - 1) / 4 + WORD.next;
      if (words[next] === at + 1) {
        words[next] = link;
        return;
      }
      before = words[next] as number;
    }
  }

  #word(at: number, place: keyof typeof WORD): number {
    return this.#memory.words[at / 4 + WORD[place]] as number;
  }
}

/** 16 bits in network order. */
const sizeAt = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

/** 32 bits in network order. */
const putWord = (out: Uint8Array, at: number, word: number): void => {
  out[at] = word >>> 24;
  out[at + 1] = word >>> 16;
  out[at + 2] = word >>> 8;
  out[at + 3] = word;
};

const isSameQuestion = (a: RecordMemory, from: number, b: RecordMemory, header: number): boolean => {
  if (a.words[from + WORD.variant] !== b.words[header + WORD.variant]) return false;
  const octets = a.words[from + WORD.questionOctets] as number;
  if (octets !== b.words[header + WORD.questionOctets]) return false;
  const left = 4 * questionWord(a.words, from);
  const right = 4 * questionWord(b.words, header);
  for (let i = 0; i < octets; i++) if (a.bytes[left + i] !== b.bytes[right + i]) return false;
  return true;
};
