import { FLAG, HEADER_OCTETS } from '#dns/decode.ts';
import type { MessageView } from '#dns/message-view.ts';
import { rotate } from '#dns/patch.ts';
import { type Generations, isCurrent } from '#plugin/index.ts';
import type { Entry } from './entry.ts';

export interface AnswerMemoryOptions {
  readonly generations: Generations;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Octets it may hold, about. */
  readonly maxOctets: number;
  /** The sheet of cells that its thread counts on (src/metrics/cells.ts). */
  readonly sheet: Float64Array;
}

/** What the memory has done so far. */
export interface AnswerMemoryCounts {
  hits: number;
  remembered: number;
  evicted: number;
  /** Entries found that a change or their age had made unusable. */
  outdated: number;
}

/** Entries of one hash: the spellings and variants of a name share one, and nobody may make looking through them slow. */
const MAX_CHAIN = 16;

/**
 * Encoded replies by question, sent again with the few octets patched that differ: ID, RD, CD, the question's spelling, the
 * OPT's size, TTLs, the SOA's serial, the order of addresses. An entry is used only while every generation it was made from stands
 * (docs/architecture.md, "The fast path"), so a change is never followed by an old answer.
 *
 * Eviction is CLOCK over insertion order: the hand passes entries that were used since it last came by, once, and drops the others.
 */
export class AnswerMemory {
  readonly counts: AnswerMemoryCounts = { hits: 0, remembered: 0, evicted: 0, outdated: 0 };
  readonly #options: AnswerMemoryOptions;
  readonly #generations: Generations;
  readonly #sheet: Float64Array;
  readonly #byHash = new Map<number, Entry>();
  /** The clock's hand. A Map's iterator stays valid over changes and comes to what was put in behind it. */
  #hand: IterableIterator<[number, Entry]> = this.#byHash.entries();
  #octets = 0;

  constructor(options: AnswerMemoryOptions) {
    this.#options = options;
    this.#generations = options.generations;
    this.#sheet = options.sheet;
  }

  get octets(): number {
    return this.#octets;
  }

  /** The entry that answers the query in view at this monotonic time, or null. What is found outdated is dropped. */
  find(view: MessageView, nowMs: number): Entry | null {
    let entry = this.#byHash.get(view.hash);
    while (entry !== undefined && !entry.matches(view)) entry = entry.next ?? undefined;
    if (entry === undefined) return null;
    if (nowMs >= entry.untilMs || !isCurrent(this.#generations, entry.slots, entry.seen)) {
      this.#drop(entry);
      this.counts.outdated++;
      return null;
    }
    if (!view.isTcp && entry.length > view.udpLimit) return null;
    return entry;
  }

  /** Writes the reply to the query in view at `start`, which has room for `entry.length` octets and is not the query's own place, and counts it. */
  write(entry: Entry, view: MessageView, nowMs: number, out: Uint8Array, start: number): void {
    entry.isWarm = true;
    this.counts.hits++;
    this.#count(entry);
    const { octets, questionOctets, fields } = entry;
    const { bytes, nameEnd } = view;
    for (let from = questionOctets, to = start; from < octets.length; from++, to++) out[to] = octets[from] as number;
    out[start] = bytes[0] as number;
    out[start + 1] = bytes[1] as number;
    out[start + 2] = ((out[start + 2] as number) & ~(FLAG.RD >> 8)) | ((view.flags & FLAG.RD) >> 8);
    for (let at = HEADER_OCTETS; at < nameEnd; at++) out[start + at] = bytes[at] as number;
    if (fields.optOffset >= 0) {
      const at = start + fields.optOffset;
      out[at + 3] = bytes[view.questionEnd + 3] as number;
      out[at + 4] = bytes[view.questionEnd + 4] as number;
    }
    if (fields.bornAtMs >= 0) countDown(entry, nowMs, out, start);
    if (fields.serialOffset >= 0) putWord(out, start + fields.serialOffset, this.#generations.at(fields.serialValue));
    const { rotating } = fields;
    for (let i = 0; i < rotating.length; i++)
      rotate(out, start, rotating[i] as (typeof rotating)[number], this.#options.random);
  }

  /** Keeps an entry in place of any other for its question. */
  remember(entry: Entry): void {
    if (entry.cost > this.#options.maxOctets) return;
    let outgoing: Entry | null = null;
    let length = 0;
    for (let other = this.#byHash.get(entry.hash) ?? null; other !== null; other = other.next) {
      if (isSameQuestion(other, entry)) {
        outgoing = other;
        break;
      }
      if (++length >= MAX_CHAIN) outgoing = other;
    }
    if (outgoing !== null) this.#drop(outgoing);
    entry.next = this.#byHash.get(entry.hash) ?? null;
    this.#byHash.set(entry.hash, entry);
    this.#octets += entry.cost;
    this.counts.remembered++;
    if (this.#octets > this.#options.maxOctets) this.#evict();
  }

  #count({ cells, amounts }: Entry): void {
    const sheet = this.#sheet;
    for (let i = 0; i < cells.length; i++) {
      const cell = cells[i] as number;
      sheet[cell] = (sheet[cell] as number) + (amounts[i] as number);
    }
  }

  #drop(entry: Entry): void {
    const first = this.#byHash.get(entry.hash);
    if (first === undefined) return;
    if (first === entry) {
      if (entry.next === null) this.#byHash.delete(entry.hash);
      else this.#byHash.set(entry.hash, entry.next);
    } else {
      let before = first;
      while (before.next !== null && before.next !== entry) before = before.next;
      if (before.next === null) return;
      before.next = entry.next;
    }
    this.#octets -= entry.cost;
  }

  #evict(): void {
    while (this.#octets > this.#options.maxOctets) {
      const step = this.#hand.next();
      if (step.done === true) {
        this.#hand = this.#byHash.entries();
        continue;
      }
      const [hash, first] = step.value;
      const kept = this.#sweep(first);
      if (kept !== first) this.#byHash.delete(hash);
      if (kept !== null) this.#byHash.set(hash, kept);
    }
  }

  /** What stays of the entries of one hash: those used since the hand last came by. */
  #sweep(first: Entry): Entry | null {
    let kept: Entry | null = null;
    for (let entry: Entry | null = first; entry !== null; ) {
      const { next } = entry as Entry;
      if (entry.isWarm) {
        entry.isWarm = false;
        entry.next = kept;
        kept = entry;
      } else {
        this.#octets -= entry.cost;
        this.counts.evicted++;
      }
      entry = next;
    }
    return kept;
  }
}

const countDown = ({ fields }: Entry, nowMs: number, out: Uint8Array, start: number): void => {
  const age = Math.floor((nowMs - fields.bornAtMs) / 1000) - fields.agedSeconds;
  if (age <= 0) return;
  const { ttlOffsets, ttls } = fields;
  for (let i = 0; i < ttlOffsets.length; i++)
    putWord(out, start + (ttlOffsets[i] as number), Math.max(0, (ttls[i] as number) - age));
};

/** 32 bits in network order. */
const putWord = (out: Uint8Array, at: number, word: number): void => {
  out[at] = word >>> 24;
  out[at + 1] = word >>> 16;
  out[at + 2] = word >>> 8;
  out[at + 3] = word;
};

const isSameQuestion = (a: Entry, b: Entry): boolean => {
  if (a.variant !== b.variant || a.questionOctets !== b.questionOctets) return false;
  for (let i = 0; i < a.questionOctets; i++) if (a.octets[i] !== b.octets[i]) return false;
  return true;
};
