import { RCODE } from '#dns/registry/rcodes.ts';
import { type Answer, type Next, Provenance, Query, type Reply, type Request, type Transport } from '#plugin/index.ts';
import type { Item } from './item.ts';
import type { CacheSurroundings, Keeper } from './keeper.ts';
import type { Meters } from './metrics.ts';
import { isUsableAnswer, plainKindOf } from './reply-kind.ts';
import type { StaleOptions } from './stale-options.ts';

/** What a refresh brought. */
export interface Refreshed {
  /** True where the reply may take the place of the stale one (RFC 8767, section 4). */
  readonly isRefreshed: boolean;
  /** The reply with its TTLs levelled, or what came instead of one; null where the chain threw. */
  readonly reply: Reply | null;
  readonly item: Item | null;
  readonly error: unknown;
}

/** A refresh to run: the query that gave cause, its key, and what comes after `cache` in the chain. */
export interface RefreshJob {
  readonly query: Query;
  readonly key: string;
  readonly next: Next;
  readonly meters: Meters;
  /** True where the item has expired: then only a good reply is taken. */
  readonly isStale: boolean;
}

/** The request as it goes upstream: AD set, so that what is kept serves those who ask for AD too (RFC 6840, section 5.7). */
export const authenticated = (request: Request): Request =>
  request.isAuthenticData ? request : { ...request, isAuthenticData: true };

/** Asks the chain again for what is kept. */
export class Refresher {
  readonly #keeper: Keeper;
  readonly #stale: StaleOptions;
  readonly #surroundings: CacheSurroundings;

  constructor(keeper: Keeper, stale: StaleOptions, surroundings: CacheSurroundings) {
    this.#keeper = keeper;
    this.#stale = stale;
    this.#surroundings = surroundings;
  }

  /** Runs the chain with a query of its own and keeps what it gives. Never throws. */
  run(job: RefreshJob, transport: Transport): Refreshed | Promise<Refreshed> {
    const query = this.#queryFor(job.query, transport);
    try {
      const reply = job.next(query);
      return reply instanceof Promise
        ? reply.then((arrived) => this.#judge(job, query, arrived)).catch(failed)
        : this.#judge(job, query, reply);
    } catch (error) {
      return failed(error);
    }
  }

  /** Runs the chain behind the client's back, once at a time for an item. */
  runInBackground(item: Item, job: RefreshJob): void {
    const startedAtMs = this.#surroundings.clock.monotonicMs();
    if (!item.beginRefresh(startedAtMs)) return;
    job.meters.prefetch();
    const finish = (outcome: Refreshed): void => {
      const pauseMs = job.isStale ? this.#stale.recheckMs : 0;
      item.endRefresh(this.#surroundings.clock.monotonicMs(), pauseMs, outcome.isRefreshed);
      // The new item goes on counting hits where the old one was.
      if (outcome.item === null) return;
      outcome.item.hits = item.hits;
      outcome.item.lastHitMs = startedAtMs;
    };
    // No client waits for this one: over TCP the reply is not cut to anybody's size.
    const outcome = this.run(job, 'tcp');
    if (outcome instanceof Promise) void outcome.then(finish);
    else finish(outcome);
  }

  /** The client's query with dependencies of its own, as its reply may outlive the client's. */
  #queryFor(query: Query, transport: Transport): Query {
    const { server, peer, receivedAtMs, name, type, zone, depth } = query;
    const provenance = new Provenance(this.#surroundings.generations);
    const request = authenticated(query.request);
    const own = new Query(
      { request, peer, transport, server, provenance, receivedAtMs },
      { name, type, class: query.class, zone, depth },
    );
    own.view = query.view;
    return own;
  }

  #judge(job: RefreshJob, query: Query, reply: Reply): Refreshed {
    if (reply.kind !== 'answer' || reply.isBare) return { isRefreshed: false, reply, item: null, error: null };
    if (!job.isStale) return this.#keep(job, query, reply, true);
    const wallMs = this.#surroundings.clock.wallMs();
    if (reply.isTruncated) return { isRefreshed: false, reply, item: null, error: null };
    if (this.#stale.isPositivePreferred) return this.#keep(job, query, reply, isUsableAnswer(reply, query, wallMs));
    const isGood =
      (reply.rcode === RCODE.NOERROR || reply.rcode === RCODE.NXDOMAIN) &&
      plainKindOf(reply, query, wallMs) !== 'other';
    return isGood ? this.#keep(job, query, reply, true) : { isRefreshed: false, reply, item: null, error: null };
  }

  #keep(job: RefreshJob, query: Query, reply: Answer, isRefreshed: boolean): Refreshed {
    const { slots, seen } = query.provenance;
    const kept = this.#keeper.keep(query, job.key, reply, slots, seen, job.meters);
    return { isRefreshed, reply: kept.reply, item: kept.item, error: null };
  }
}

const failed = (error: unknown): Refreshed => ({ isRefreshed: false, reply: null, item: null, error });
