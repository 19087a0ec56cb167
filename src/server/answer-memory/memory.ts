import { FLAG, HEADER_OCTETS } from '#dns/decode.ts';
import type { MessageView } from '#dns/message-view.ts';
import { rotate } from '#dns/patch.ts';
import { type Clock, type Generations, isCurrent, type Provenance } from '#plugin/index.ts';
import { type Entry, makeEntry } from './entry.ts';

export interface AnswerMemoryOptions {
  readonly generations: Generations;
  readonly clock: Clock;
  readonly random: () => number;
  /** Octets it may hold, about. */
  readonly maxOctets: number;
}

/** What the memory has done so far. */
export interface AnswerMemoryCounts {
  hits: number;
  remembered: number;
  evicted: number;
  /** Entries found that a change or their age had made unusable. */
  outdated: number;
}

/**
 * Encoded replies by question, sent again with the few octets patched that differ: ID, RD, CD, the question's spelling, the
 * OPT's size, TTLs, the order of addresses. An entry is used only while every generation it was made from stands
 * (docs/architecture.md, "The fast path"), so a change is never followed by an old answer.
 *
 * Eviction is CLOCK over insertion order: the hand passes entries that were used since it last came by, once, and drops the others.
 */
export class AnswerMemory {
  readonly counts: AnswerMemoryCounts = { hits: 0, remembered: 0, evicted: 0, outdated: 0 };
  readonly #options: AnswerMemoryOptions;
  readonly #byHash = new Map<number, Entry>();
  #octets = 0;

  constructor(options: AnswerMemoryOptions) {
    this.#options = options;
  }

  get octets(): number {
    return this.#octets;
  }

  /** A ready reply to the query in view, which it counts, or null. */
  answer(view: MessageView): Buffer | null {
    let entry = this.#byHash.get(view.hash);
    while (entry !== undefined && !entry.matches(view)) entry = entry.next ?? undefined;
    if (entry === undefined) return null;
    const now = this.#options.clock.monotonicMs();
    if (now >= entry.untilMs || !isCurrent(this.#options.generations, entry.slots, entry.seen)) {
      this.#drop(entry);
      this.counts.outdated++;
      return null;
    }
    if (!view.isTcp && entry.message.length > view.udpLimit) return null;
    entry.isWarm = true;
    this.counts.hits++;
    const { tallies } = entry;
    for (let i = 0; i < tallies.length; i++) tallies[i]?.count(view);
    return this.#patched(entry, view, now);
  }

  /** Keeps a whole reply (not truncated) to the query in view. `provenance` must have said that it may be repeated. */
  remember(view: MessageView, message: Buffer, provenance: Provenance): void {
    const entry = makeEntry(view, message, provenance);
    if (entry === null || entry.cost > this.#options.maxOctets) return;
    let same = this.#byHash.get(entry.hash);
    while (same !== undefined && !same.matches(view)) same = same.next ?? undefined;
    if (same !== undefined) this.#drop(same);
    entry.next = this.#byHash.get(entry.hash) ?? null;
    this.#byHash.set(entry.hash, entry);
    this.#octets += entry.cost;
    this.counts.remembered++;
    if (this.#octets > this.#options.maxOctets) this.#evict();
  }

  #patched(entry: Entry, view: MessageView, now: number): Buffer {
    const { message, points } = entry;
    const out = Buffer.allocUnsafe(message.length);
    out.set(message);
    const { bytes } = view;
    out[0] = bytes[0] as number;
    out[1] = bytes[1] as number;
    out[2] = ((message[2] as number) & ~(FLAG.RD >> 8)) | ((view.flags & FLAG.RD) >> 8);
    for (let at = HEADER_OCTETS; at < view.nameEnd; at++) out[at] = bytes[at] as number;
    if (points.optOffset >= 0) {
      out[points.optOffset + 3] = bytes[view.questionEnd + 3] as number;
      out[points.optOffset + 4] = bytes[view.questionEnd + 4] as number;
    }
    if (entry.bornAtMs >= 0) this.#countDown(out, entry, now);
    if (entry.isRotated) for (const set of points.rotating) rotate(out, set, this.#options.random);
    return out;
  }

  #countDown(out: Buffer, entry: Entry, now: number): void {
    const age = Math.floor((now - entry.bornAtMs) / 1000) - entry.agedSeconds;
    if (age <= 0) return;
    const { ttlOffsets, ttls } = entry.points;
    for (let i = 0; i < ttlOffsets.length; i++) {
      const ttl = Math.max(0, (ttls[i] as number) - age);
      const at = ttlOffsets[i] as number;
      out[at] = ttl >>> 24;
      out[at + 1] = ttl >>> 16;
      out[at + 2] = ttl >>> 8;
      out[at + 3] = ttl;
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
    for (const [hash, first] of this.#byHash) {
      this.#byHash.delete(hash);
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
      if (kept !== null) this.#byHash.set(hash, kept);
      if (this.#octets <= this.#options.maxOctets) return;
    }
  }
}
