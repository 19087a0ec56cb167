/** What provenance needs of the generation counters. */
export interface SlotTable {
  at(slot: number): number;
}
