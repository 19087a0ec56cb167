import { LRUCache } from 'lru-cache';
import type { Item } from './item.ts';

const SHARDS = 256;
const LEAST_PER_SHARD = 4;

/**
 * Items a store of this configured capacity holds: CoreDNS spreads it over 256 shards of at least 4, so 10000 is 9984 and 10 is
 * 1024. Kept, so that `coredns_cache_entries` tops out where people know it to.
 */
export const roundCapacity = (capacity: number): number =>
  SHARDS * Math.max(LEAST_PER_SHARD, Math.trunc(capacity / SHARDS));

/** Above this `lru-cache` is not told the maximum beforehand: it would take all the memory at once. */
const PREALLOCATED = 100_000;
const one = (): number => 1;

/** Items by key. Full, it gives up the one used least recently, where CoreDNS gives up a random one of a shard. */
export class Store {
  readonly #items: LRUCache<string, Item>;
  #evictions = 0;

  constructor(capacity: number) {
    const max = roundCapacity(capacity);
    const dispose = (_item: Item, _key: string, reason: string): void => {
      if (reason === 'evict') this.#evictions++;
    };
    this.#items = new LRUCache<string, Item>(
      max <= PREALLOCATED ? { max, dispose } : { maxSize: max, sizeCalculation: one, dispose },
    );
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): Item | undefined {
    return this.#items.get(key);
  }

  /** Keeps an item; gives how many others had to go for it. */
  set(key: string, item: Item): number {
    const before = this.#evictions;
    this.#items.set(key, item);
    return this.#evictions - before;
  }

  delete(key: string): void {
    this.#items.delete(key);
  }
}
