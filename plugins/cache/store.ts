import type { CacheMemory } from './cache-memory.ts';
import type { Item } from './item.ts';

const SHARDS = 256;
const LEAST_PER_SHARD = 4;

/**
 * Items a store of this configured capacity holds: CoreDNS spreads it over 256 shards of at least 4, so 10000 is 9984 and 10 is
 * 1024. Kept, so that `coredns_cache_entries` tops out where people know it to.
 */
export const roundCapacity = (capacity: number): number =>
  SHARDS * Math.max(LEAST_PER_SHARD, Math.trunc(capacity / SHARDS));

/** Items looked at for the one that goes: enough to find one of the least valuable where a fifth of them is that. */
const CANDIDATES = 8;

export interface StoreOptions {
  /** As configured. */
  readonly capacity: number;
  /** How long past its expiry an item may be used; 0 is not at all. */
  readonly staleSeconds: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Told of each item that had to go for want of room. */
  readonly evicted: () => void;
}

/**
 * Items by key. Full, it gives up the least valuable of a few that chance picks. What was used least recently would be the wrong one: a name
 * asked for often is answered from the answer memory and does not come here, and when more names than fit are asked for in turn each
 * would be given up just before its turn (bench/results/2026-11-21-eviction.md).
 */
export class Store {
  readonly capacity: number;
  readonly #options: StoreOptions;
  readonly #byKey = new Map<string, Item>();
  /** The same, each at its `place`. */
  readonly #list: Item[] = [];
  #memory: CacheMemory;
  #octets = 0;

  /** `memory`: what it shares the room with. */
  constructor(options: StoreOptions, memory: CacheMemory) {
    this.capacity = roundCapacity(options.capacity);
    this.#options = options;
    this.#memory = memory;
  }

  get size(): number {
    return this.#list.length;
  }

  /** Memory that the items take, about. */
  get octets(): number {
    return this.#octets;
  }

  get(key: string): Item | undefined {
    return this.#byKey.get(key);
  }

  /** Keeps an item; others go for it where there is no room, of this store or of any that shares the memory. */
  set(item: Item): void {
    const known = this.#byKey.get(item.key);
    if (known !== undefined) item.isUsed = known.isUsed;
    else if (this.size >= this.capacity) this.evict(this.candidate());
    item.place = known?.place ?? this.#list.length;
    this.#list[item.place] = item;
    this.#byKey.set(item.key, item);
    this.#resize(item.octets - (known?.octets ?? 0));
    this.#memory.makeRoom();
  }

  delete(key: string): void {
    const item = this.#byKey.get(key);
    if (item === undefined) return;
    this.#byKey.delete(key);
    const last = this.#list.pop() as Item;
    if (last !== item) {
      this.#list[item.place] = last;
      last.place = item.place;
    }
    this.#resize(-item.octets);
  }

  /** Gives all up and from now on shares the room of another memory. */
  moveTo(memory: CacheMemory): void {
    this.#byKey.clear();
    this.#list.length = 0;
    this.#resize(-this.#octets);
    this.#memory = memory;
  }

  /** The item that had best go, of a few that chance picks; the largest of several alike. There must be one. */
  candidate(): Item {
    let worst = this.#any();
    let least = this.valueOf(worst);
    for (let i = 1; i < CANDIDATES && least > 0; i++) {
      const item = this.#any();
      const value = this.valueOf(item);
      if (value > least || (value === least && item.octets <= worst.octets)) continue;
      worst = item;
      least = value;
    }
    return worst;
  }

  /** What an item is worth: nothing once nobody may have it, most where its name was asked for again and it is fresh. */
  valueOf(item: Item): number {
    const ttl = item.ttlAt(this.#options.nowMs());
    if (ttl <= -this.#options.staleSeconds) return 0;
    return item.isUsed && ttl > 0 ? 2 : 1;
  }

  /** Gives an item up for want of room. */
  evict(item: Item): void {
    this.delete(item.key);
    this.#options.evicted();
  }

  #any(): Item {
    return this.#list[Math.floor(this.#options.random() * this.size)] as Item;
  }

  #resize(by: number): void {
    this.#octets += by;
    this.#memory.add(by);
  }
}
