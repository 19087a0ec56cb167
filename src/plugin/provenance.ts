import type { Additions } from '#metrics/cells.ts';
import type { SlotTable } from './slot-table.ts';

/** A query that is answered from memory, as far as it is counted. */
export interface RepeatedQuery {
  readonly requestOctets: number;
  readonly isTcp: boolean;
  readonly isIPv6: boolean;
  readonly isDnssecOk: boolean;
}

/** Counters that a reply from memory must move as the chain would have: what `prometheus` (or another counting layer) declares. */
export interface RepeatedTally {
  /** Notes what each sending of the reply to such a query adds; asked once, when the reply is kept. */
  note(query: RepeatedQuery, into: Additions): void;
}

/**
 * Where a reply comes from and whether it may be repeated: filled in by the layers a query passes, read by `cache` (dependencies)
 * and by the answer memory (all of it). One per query; an internal look-up shares that of the query it serves.
 */
export class Provenance {
  readonly #generations: SlotTable;
  /** Slots depended on, each with the generation it had before the data was read. */
  readonly slots: number[] = [];
  readonly seen: number[] = [];
  /** False once a layer has said that this reply must not be repeated. */
  isRepeatable = true;
  /** Monotonic ms at which TTLs started to count down (a cache item's age), or -1 where TTLs stay as they are. */
  bornAtMs = -1;
  /** Whole seconds that the layer which set `bornAtMs` has taken off the TTLs in this reply. */
  agedSeconds = 0;
  /** Monotonic ms after which the reply must not be repeated (expiry, or the moment a prefetch is due). */
  repeatableUntilMs = Number.POSITIVE_INFINITY;
  /** True where A/AAAA and MX records are to be put in a new random order each time, as `loadbalance` does. */
  isRotated = false;
  /** True where names in RDATA have taken over the spelling of the question: another spelling then has another reply. */
  isSpellingBound = false;
  /** The shared value (`Generations.allocateValue`) that the serial of the reply's one SOA follows, or -1 where it stays as it is. */
  serialValue = -1;
  readonly tallies: RepeatedTally[] = [];

  constructor(generations: SlotTable) {
    this.#generations = generations;
  }

  /** Notes a dependency. Call it *before* reading what it stands for. */
  dependOn(slot: number): void {
    this.slots.push(slot);
    this.seen.push(this.#generations.at(slot));
  }

  /** Takes over dependencies noted earlier (a cache hit stands on what its item was made from). */
  inherit(slots: readonly number[], seen: readonly number[]): void {
    for (let i = 0; i < slots.length; i++) {
      this.slots.push(slots[i] as number);
      this.seen.push(seen[i] as number);
    }
  }

  /** This reply must not be repeated. */
  forbid(): void {
    this.isRepeatable = false;
  }
}

/** True while nothing that these slots stand for has changed. */
export const isCurrent = (generations: SlotTable, slots: readonly number[], seen: readonly number[]): boolean => {
  for (let i = 0; i < slots.length; i++) if (generations.at(slots[i] as number) !== seen[i]) return false;
  return true;
};
