import type { Store } from './store.ts';

const MIB = 1024 * 1024;
/**
 * Without a `memory` line: so much, or so much for each item that the stores may hold together. Usual replies take a third of it; but an
 * upstream that means it ill can make one reply of 64 KiB a MiB, since its names are compressed.
 */
const DEFAULT_OCTETS = 64 * MIB;
const DEFAULT_OCTETS_EACH = 2048;

/** Stores whose candidates are compared. */
const PICKS = 3;

/** The stores of one server block, and what its `memory` line says; null where it has none. */
export interface CacheMember {
  readonly stores: readonly Store[];
  readonly limitOctets: number | null;
}

/** The memory of replies: one bound for all stores of all server blocks. What is over it is given up wherever it is worth least. */
export class CacheMemory {
  readonly #members = new Set<CacheMember>();
  readonly #random: () => number;
  #stores: readonly Store[] = [];
  #octets = 0;
  #limit = DEFAULT_OCTETS;

  /** `random`: uniform in [0, 1). */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** What all items take, about. */
  get octets(): number {
    return this.#octets;
  }

  /** What they may take: the least that a `memory` line says. */
  get limit(): number {
    return this.#limit;
  }

  join(member: CacheMember): void {
    this.#members.add(member);
    this.#reckon();
  }

  leave(member: CacheMember): void {
    this.#members.delete(member);
    this.#reckon();
  }

  /** Items have come or gone. */
  add(octets: number): void {
    this.#octets += octets;
  }

  /** Gives up items until the rest fits. */
  makeRoom(): void {
    while (this.#octets > this.#limit && this.#stores.some(({ size }) => size > 0)) this.#giveUpOne();
  }

  /** Of the candidates of a few stores, that with the least value. */
  #giveUpOne(): void {
    let from = this.#pick();
    let worst = from.candidate();
    for (let i = 1; i < PICKS; i++) {
      const store = this.#pick();
      const item = store.candidate();
      if (store.valueOf(item) >= from.valueOf(worst)) continue;
      from = store;
      worst = item;
    }
    from.evict(worst);
  }

  /** A store that is not empty: chance picks one by what they take. */
  #pick(): Store {
    let at = this.#random() * this.#octets;
    let picked: Store | undefined;
    for (const store of this.#stores) {
      if (store.size === 0) continue;
      picked = store;
      at -= store.octets;
      if (at < 0) break;
    }
    return picked as Store;
  }

  /** The last member has left. */
  close(): void {
    this.#members.clear();
    this.#reckon();
  }

  #reckon(): void {
    const members = [...this.#members];
    this.#stores = members.flatMap(({ stores }) => stores);
    const said = members.flatMap(({ limitOctets }) => limitOctets ?? []);
    const items = this.#stores.reduce((sum, { capacity }) => sum + capacity, 0);
    this.#limit = said.length > 0 ? Math.min(...said) : Math.max(DEFAULT_OCTETS, DEFAULT_OCTETS_EACH * items);
    this.makeRoom();
  }
}
