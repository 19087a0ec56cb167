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

/**
 * Items by key. Full, it gives up any one, as CoreDNS gives up any one of a shard. The one used least recently would be the wrong one: a
 * name asked for often is answered from the answer memory and does not come here, and when more names than fit are asked for in turn each
 * would be given up just before its turn (bench/results/2026-11-21-eviction.md).
 */
export class Store {
  readonly #capacity: number;
  readonly #items: LRUCache<string, Item>;
  /** Key of each item, at the item's `place`. */
  readonly #keys: string[] = [];
  readonly #random: () => number;

  /** `random`: uniform in [0, 1). */
  constructor(capacity: number, random: () => number) {
    this.#capacity = roundCapacity(capacity);
    this.#random = random;
    const max = this.#capacity;
    this.#items = new LRUCache<string, Item>(max <= PREALLOCATED ? { max } : { maxSize: max, sizeCalculation: one });
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): Item | undefined {
    return this.#items.get(key);
  }

  /** Keeps an item; gives how many others had to go for it. */
  set(key: string, item: Item): number {
    const known = this.#items.peek(key);
    const evicted = known === undefined && this.size >= this.#capacity ? 1 : 0;
    if (evicted > 0) this.delete(this.#keys[Math.floor(this.#random() * this.#keys.length)] as string);
    item.place = known?.place ?? this.#keys.length;
    this.#keys[item.place] = key;
    this.#items.set(key, item);
    return evicted;
  }

  delete(key: string): void {
    const item = this.#items.peek(key);
    if (item === undefined) return;
    this.#items.delete(key);
    const last = this.#keys.pop() as string;
    if (last === key) return;
    this.#keys[item.place] = last;
    (this.#items.peek(last) as Item).place = item.place;
  }
}
