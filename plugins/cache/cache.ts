import { longestMatch } from '#dns/name.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import type { Answer, Next, Query, Reply } from '#plugin/index.ts';
import type { CacheMemory } from './cache-memory.ts';
import { forClient, wantsAuthenticated } from './for-client.ts';
import type { Item } from './item.ts';
import { type CacheSurroundings, Keeper } from './keeper.ts';
import { keyOf } from './key.ts';
import type { CacheMetrics, Meters, StoreName } from './metrics.ts';
import type { CacheOptions } from './options.ts';
import { authenticated, Refresher, type RefreshJob } from './refresh.ts';
import { StaleServer } from './stale.ts';

/** The layer of one server block: answers from what it keeps, else keeps what the chain answers. */
export class Cache {
  readonly #options: CacheOptions;
  readonly #metrics: CacheMetrics;
  readonly #surroundings: CacheSurroundings;
  readonly #keeper: Keeper;
  readonly #refresher: Refresher;
  readonly #stale: StaleServer;
  readonly #coversAll: boolean;

  constructor(options: CacheOptions, metrics: CacheMetrics, surroundings: CacheSurroundings) {
    this.#options = options;
    this.#metrics = metrics;
    this.#surroundings = surroundings;
    this.#keeper = new Keeper(options, surroundings);
    this.#refresher = new Refresher(this.#keeper, options.stale, surroundings);
    this.#stale = new StaleServer(options, this.#keeper, this.#refresher, surroundings.clock);
    this.#coversAll = options.zones.some((zone) => zone.length === 1);
  }

  /** Items in a store, expired ones included. */
  sizeOf(store: StoreName): number {
    return this.#keeper.sizeOf(store);
  }

  /** Shares the room of this memory from now on; gives a function that ends it and gives up what is kept. */
  share(memory: CacheMemory): () => void {
    return this.#keeper.share(memory);
  }

  handle(query: Query, next: Next): Reply | Promise<Reply> {
    // NOTIFY and UPDATE are no look-ups, even if they have a question.
    if (query.request.opcode !== OPCODE.QUERY) return next(query);
    if (!this.#coversAll && longestMatch(query.name, this.#options.zones) === null) return next(query);
    const nowMs = this.#surroundings.clock.monotonicMs();
    const meters = this.#metrics.of(query.server.label, query.view);
    meters.requests.value++;
    const key = keyOf(query);
    const item = this.#keeper.find(key, nowMs);
    if (item === null) return this.#miss(query, next, key, meters);
    meters.hit(item.store);
    item.isUsed = true;
    if (item.ttlAt(nowMs) > 0) return this.#hit(item, query, next, key, nowMs, meters);
    return this.#stale.serve(item, { query, next, key, meters, isStale: true });
  }

  #hit(item: Item, query: Query, next: Next, key: string, nowMs: number, meters: Meters): Answer {
    const age = item.ageAt(nowMs);
    const ttl = item.ttlSeconds - age;
    this.#tellProvenance(item, query, age, meters);
    if (this.#options.prefetch.amount > 0) this.#prefetch(item, { query, next, key, meters, isStale: false }, nowMs);
    return item.replyWith(this.#options.isTtlKept ? item.ttlSeconds : ttl, wantsAuthenticated(query));
  }

  /** What the reply stands on, and how long it may be repeated without asking here. */
  #tellProvenance(item: Item, query: Query, age: number, meters: Meters): void {
    const { provenance } = query;
    provenance.inherit(item.slots, item.seen);
    if (!this.#options.isTtlKept) {
      provenance.bornAtMs = item.storedAtMs;
      provenance.agedSeconds = age;
    }
    const expiresAtMs = item.storedAtMs + item.ttlSeconds * 1000;
    if (expiresAtMs < provenance.repeatableUntilMs) provenance.repeatableUntilMs = expiresAtMs;
    provenance.tallies.push(meters.tally[item.store]);
  }

  /**
   * Counts a hit, and refreshes an item in demand at the end of its time. Hits that are answered from memory do not come here, so a reply
   * may be repeated only once there were enough of them, and until a refresh is due: then each query comes here again.
   */
  #prefetch(item: Item, job: RefreshJob, nowMs: number): void {
    const { amount, gapMs, percentage } = this.#options.prefetch;
    const { provenance } = job.query;
    item.noteHit(nowMs, gapMs);
    const isWanted = item.hits >= amount;
    const dueAtMs = item.storedAtMs + 1000 * (item.ttlSeconds - Math.ceil((percentage / 100) * item.ttlSeconds));
    const isDue = nowMs >= dueAtMs;
    if (isWanted && isDue) this.#refresher.runInBackground(item, job);
    if (!isWanted || isDue) provenance.forbid();
    else if (provenance.isRepeatable) {
      item.isRepeated = true;
      if (dueAtMs < provenance.repeatableUntilMs) provenance.repeatableUntilMs = dueAtMs;
    }
  }

  #miss(query: Query, next: Next, key: string, meters: Meters): Reply | Promise<Reply> {
    meters.miss();
    const from = query.provenance.slots.length;
    const { request } = query;
    const reply = next(request.isAuthenticData ? query : query.with({ request: authenticated(request) }));
    return reply instanceof Promise
      ? reply.then((arrived) => this.#keepMiss(query, key, from, arrived, meters))
      : this.#keepMiss(query, key, from, reply, meters);
  }

  /** `from`: how many dependencies the query had when it went on; what it gained since is what the reply stands on. */
  #keepMiss(query: Query, key: string, from: number, reply: Reply, meters: Meters): Reply {
    const { provenance } = query;
    // A bare failure was written by nobody (CoreDNS: `plugin.ClientWrite`), so the cache does not see it.
    if (reply.kind !== 'answer' || reply.isBare) {
      provenance.forbid();
      return reply;
    }
    const { slots, seen } = provenance;
    const kept = this.#keeper.keep(query, key, reply, slots.slice(from), seen.slice(from), meters);
    // The next one is a hit, and that differs: AA is set and the TTLs count down. With `disable` it is a miss like this one.
    if (kept.isDisabled) provenance.tallies.push(meters.missTally);
    else provenance.forbid();
    return forClient(kept.reply, query);
  }
}
