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

/**
 * Memory that the items of a store may take, about: so much, or so much for each that it may hold. Usual replies take a tenth of it; but an
 * upstream that means it ill can make one reply of 64 KiB a few MiB, since its names are compressed.
 */
const OCTETS = 64 * 1024 * 1024;
const OCTETS_EACH = 4096;

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
  readonly #maxOctets: number;
  #octets = 0;

  /** `random`: uniform in [0, 1). */
  constructor(capacity: number, random: () => number) {
    this.#capacity = roundCapacity(capacity);
    this.#maxOctets = Math.max(OCTETS, OCTETS_EACH * this.#capacity);
    this.#random = random;
    const max = this.#capacity;
    this.#items = new LRUCache<string, Item>(max <= PREALLOCATED ? { max } : { maxSize: max, sizeCalculation: one });
  }

  get size(): number {
    return this.#items.size;
  }

  /** Memory that the items take, about. */
  get octets(): number {
    return this.#octets;
  }

  get(key: string): Item | undefined {
    return this.#items.get(key);
  }

  /** Keeps an item; gives how many others had to go for it. */
  set(key: string, item: Item): number {
    const known = this.#items.peek(key);
    let evicted = known === undefined && this.size >= this.#capacity ? 1 : 0;
    if (evicted > 0) this.#evict();
    this.#octets += item.octets - (known?.octets ?? 0);
    item.place = known?.place ?? this.#keys.length;
    this.#keys[item.place] = key;
    this.#items.set(key, item);
    for (; this.#octets > this.#maxOctets && this.size > 0; evicted++) this.#evict();
    return evicted;
  }

  #evict(): void {
    this.delete(this.#keys[Math.floor(this.#random() * this.#keys.length)] as string);
  }

  delete(key: string): void {
    const item = this.#items.peek(key);
    if (item === undefined) return;
    this.#items.delete(key);
    this.#octets -= item.octets;
    const last = this.#keys.pop() as string;
    if (last === key) return;
    this.#keys[item.place] = last;
    (this.#items.peek(last) as Item).place = item.place;
  }
}
