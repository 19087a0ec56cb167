import { longestMatch } from '#dns/name.ts';
import { type Answer, type Clock, type Generations, isCurrent, type Query } from '#plugin/index.ts';
import { answersQuestion } from './answers-question.ts';
import { type CacheMember, CacheMemory } from './cache-memory.ts';
import { Item } from './item.ts';
import type { Meters, StoreName } from './metrics.ts';
import type { CacheOptions } from './options.ts';
import { isStorable, kindOf, type ReplyKind } from './reply-kind.ts';
import { Store } from './store.ts';
import { clampTtl, leastTtl, withTtl } from './ttl.ts';

/** What the cache takes from the process. */
export interface CacheSurroundings {
  readonly generations: Generations;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What became of a reply: as it goes on, and its item where it was kept. */
export interface Kept {
  readonly reply: Answer;
  readonly item: Item | null;
  /** Whether nothing like it is ever kept (`disable`): the next query for the name is a miss, too. */
  readonly isDisabled: boolean;
}

/** The two stores: keeps replies by the rules and finds them again. */
export class Keeper {
  readonly #options: CacheOptions;
  readonly #surroundings: CacheSurroundings;
  readonly #stores: Readonly<Record<StoreName, Store>>;
  readonly #staleSeconds: number;
  readonly #member: CacheMember;
  /** The stores' own, until they share one. */
  readonly #ownMemory: CacheMemory;
  /** Counters of the query that something was kept for last. */
  #meters: Meters | null = null;

  constructor(options: CacheOptions, surroundings: CacheSurroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#staleSeconds = Math.floor(options.stale.upToMs / 1000);
    this.#ownMemory = new CacheMemory(surroundings.random);
    this.#stores = { success: this.#makeStore('success'), denial: this.#makeStore('denial') };
    // The other half is for replies that are encoded.
    const limitOctets = options.memoryOctets === null ? null : options.memoryOctets / 2;
    this.#member = { stores: Object.values(this.#stores), limitOctets };
    this.#ownMemory.join(this.#member);
  }

  #makeStore(name: StoreName): Store {
    const { clock, random } = this.#surroundings;
    return new Store(
      {
        capacity: this.#options[name].capacity,
        staleSeconds: this.#staleSeconds,
        random,
        nowMs: () => clock.monotonicMs(),
        evicted: () => this.#meters?.evicted(name),
      },
      this.#ownMemory,
    );
  }

  /** Shares the room of this memory from now on, without what is kept; gives a function that ends it. */
  share(memory: CacheMemory): () => void {
    memory.join(this.#member);
    for (const store of this.#member.stores) store.moveTo(memory);
    return () => {
      for (const store of this.#member.stores) store.moveTo(this.#ownMemory);
      memory.leave(this.#member);
    };
  }

  sizeOf(store: StoreName): number {
    return this.#stores[store].size;
  }

  /**
   * The item to answer from, fresh or (with `serve_stale`) stale, or null. Denial goes before success, but a SERVFAIL gives way to a
   * usable success, and with `prefer_positive` so does everything. One whose dependencies have changed is dropped, never given.
   */
  find(key: string, nowMs: number): Item | null {
    if (this.#options.stale.isPositivePreferred && this.#staleSeconds > 0) {
      const answering = this.#findAnswering(key, nowMs);
      if (answering !== null) return answering;
    }
    const denial = this.#findIn('denial', key, nowMs);
    if (denial === null) return this.#findIn('success', key, nowMs);
    return denial.isServerFailure ? (this.#findIn('success', key, nowMs) ?? denial) : denial;
  }

  isCurrent(item: Item): boolean {
    return isCurrent(this.#surroundings.generations, item.slots, item.seen);
  }

  /**
   * Gives every record of a reply the one TTL that its kind gets, and keeps it where the rules allow and nothing that it stands on
   * (`slots`, `seen`) has changed since it was noted.
   */
  keep(
    query: Query,
    key: string,
    reply: Answer,
    slots: readonly number[],
    seen: readonly number[],
    meters: Meters,
  ): Kept {
    const kind = kindOf(reply, query, this.#surroundings.clock.wallMs());
    const ttlMs = this.#ttlOf(reply, kind);
    const ttlSeconds = Math.floor(ttlMs / 1000);
    const leveled = reply.with({
      answer: withTtl(reply.answer, ttlSeconds),
      authority: withTtl(reply.authority, ttlSeconds),
      additional: withTtl(reply.additional, ttlSeconds),
    });
    const store = kind === 'positive' || kind === 'delegation' ? 'success' : 'denial';
    const isDisabled = longestMatch(query.name, this.#options[store].disabledZones) !== null;
    if (isDisabled || ttlMs <= 0 || !isStorable(reply, kind, query)) return { reply: leveled, item: null, isDisabled };
    if (!isCurrent(this.#surroundings.generations, slots, seen)) return { reply: leveled, item: null, isDisabled };
    const isAnswering = store === 'success' && this.#options.stale.isPositivePreferred && answersQuestion(reply, query);
    const item = new Item({
      store,
      key,
      reply: leveled,
      ttlSeconds,
      storedAtMs: this.#surroundings.clock.monotonicMs(),
      slots,
      seen,
      isAnswering,
      lastKnownGood: store === 'success' && !isAnswering ? this.#lastKnownGood(key) : null,
    });
    this.#put(item, meters);
    return { reply: leveled, item, isDisabled };
  }

  #put(item: Item, meters: Meters): void {
    const { success, denial } = this.#stores;
    this.#meters = meters;
    this.#stores[item.store].set(item);
    // The newest word on this key is positive. CoreDNS leaves the denial in place after some refreshes, and with `serve_stale` it then
    // hides the answer; it can't be meant.
    if (item.store === 'success' && (item.isAnswering || !this.#options.stale.isPositivePreferred))
      denial.delete(item.key);
    meters.holds('success', success);
    meters.holds('denial', denial);
  }

  #ttlOf(reply: Answer, kind: ReplyKind): number {
    if (kind === 'server-error') return this.#options.servfailMs;
    const bounds = kind === 'nodata' || kind === 'nxdomain' ? this.#options.denial : this.#options.success;
    return clampTtl(leastTtl(reply, kind, bounds.maxTtlMs), bounds);
  }

  #findIn(name: StoreName, key: string, nowMs: number): Item | null {
    const store = this.#stores[name];
    const item = store.get(key);
    if (item === undefined) return null;
    if (!this.isCurrent(item)) {
      store.delete(key);
      return null;
    }
    return this.#isInTime(item, nowMs) ? item : null;
  }

  #findAnswering(key: string, nowMs: number): Item | null {
    const stored = this.#stores.success.get(key);
    const item = stored === undefined || stored.isAnswering ? stored : stored.lastKnownGood;
    if (item === undefined || item === null || !this.isCurrent(item)) return null;
    return this.#isInTime(item, nowMs) ? item : null;
  }

  /** Fresh, or stale for less than `serve_stale` allows. */
  #isInTime(item: Item, nowMs: number): boolean {
    return item.ttlAt(nowMs) > -this.#staleSeconds;
  }

  /** With `prefer_positive`, the answer that a reply without one takes the place of. */
  #lastKnownGood(key: string): Item | null {
    if (!this.#options.stale.isPositivePreferred) return null;
    const previous = this.#stores.success.get(key);
    return previous === undefined || previous.isAnswering ? (previous ?? null) : previous.lastKnownGood;
  }
}
