import type { SlotTable } from './slot-table.ts';

/** Numbers that remembered replies take over when they are sent, such as a zone's serial. */
const SHARED_VALUES = 256;

/**
 * Generation counters that tell a remembered answer from a stale one. A dependency (a Service's subtree of names, a reverse name, the
 * configuration, a file's version) hashes to a slot; a change bumps the slot; whoever keeps an answer keeps the slots it was made
 * from with the generations they had *before* the data was read, and uses it only while they are equal. Two dependencies that
 * share a slot cost a needless miss, never a stale answer. The memory is shared, so that listener threads can read it.
 */
export class Generations implements SlotTable {
  /** The slots, and behind them the shared values. */
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;
  #values = 0;

  /** `slotBits`: 2^slotBits slots of 4 octets each. `words`: those of another thread; left out, new ones. */
  constructor(slotBits = 16, words = new Int32Array(new SharedArrayBuffer(4 * ((1 << slotBits) + SHARED_VALUES)))) {
    this.words = words;
    this.#mask = (1 << slotBits) - 1;
  }

  /** Slot of a dependency. FNV-1a over the characters. */
  slotOf(dependency: string): number {
    let hash = 0x811c9dc5;
    for (let i = 0; i < dependency.length; i++) hash = Math.imul(hash ^ dependency.charCodeAt(i), 0x01000193);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  at(slot: number): number {
    return Atomics.load(this.words, slot);
  }

  /** Makes every answer that depends on this slot stale. Call it in the same turn as the change, before any reply leaves. */
  bump(slot: number): void {
    Atomics.add(this.words, slot, 1);
  }

  /** Place of a new shared value, which is 0, or -1 where there is no room for one more. It is never given back. */
  allocateValue(): number {
    return this.#values < SHARED_VALUES ? this.#mask + 1 + this.#values++ : -1;
  }

  /** Sets a shared value: 32 bits. Set it after the slots of the same change were bumped, in the same turn. */
  setValue(place: number, value: number): void {
    if (place >= 0) Atomics.store(this.words, place, value | 0);
  }
}
