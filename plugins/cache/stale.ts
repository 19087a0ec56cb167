import { RCODE } from '#dns/registry/rcodes.ts';
import { type Answer, type Clock, failure, type Query, type Reply, type Transport } from '#plugin/index.ts';
import { forClient, wantsAuthenticated } from './for-client.ts';
import type { Item } from './item.ts';
import type { Keeper } from './keeper.ts';
import type { CacheOptions } from './options.ts';
import type { Refreshed, Refresher, RefreshJob } from './refresh.ts';

/** Answers from items that have expired (RFC 8767). */
export class StaleServer {
  readonly #options: CacheOptions;
  readonly #keeper: Keeper;
  readonly #refresher: Refresher;
  readonly #clock: Clock;
  /** Refreshes that clients wait for. Over UDP the reply may be cut to the size of the first, so TCP does not share it. */
  readonly #underWay = new Map<Item, { readonly transport: Transport; readonly refreshed: Promise<Refreshed> }>();

  constructor(options: CacheOptions, keeper: Keeper, refresher: Refresher, clock: Clock) {
    this.#options = options;
    this.#keeper = keeper;
    this.#refresher = refresher;
    this.#clock = clock;
  }

  /** The reply to a query whose item has expired, but not for too long. */
  serve(item: Item, job: RefreshJob): Reply | Promise<Reply> {
    // Each such reply has to ask for a fresh one.
    job.query.provenance.forbid();
    if (this.#options.stale.isVerified) return this.#verify(item, job);
    const reply = this.#staleReply(item, job);
    this.#refresher.runInBackground(item, job);
    return reply;
  }

  /**
   * Asks first. Who comes while that is under way waits for the same reply, so a name that many ask for costs one query. In the pause after a
   * failure all get the stale reply at once.
   */
  #verify(item: Item, job: RefreshJob): Reply | Promise<Reply> {
    const { transport } = job.query;
    const underWay = this.#underWay.get(item);
    if (underWay?.transport === transport) return this.#settleLater(item, job, underWay.refreshed);
    const { recheckMs } = this.#options.stale;
    const isTracked = recheckMs > 0;
    if (isTracked && !item.beginRefresh(this.#clock.monotonicMs())) return this.#staleReply(item, job);
    const finish = (outcome: Refreshed): Refreshed => {
      if (isTracked) item.endRefresh(this.#clock.monotonicMs(), recheckMs, outcome.isRefreshed);
      return outcome;
    };
    const outcome = this.#refresher.run(job, transport);
    if (!(outcome instanceof Promise)) return this.#settle(item, job, finish(outcome));
    const refreshed = outcome.then((done) => {
      if (this.#underWay.get(item)?.refreshed === refreshed) this.#underWay.delete(item);
      return finish(done);
    });
    this.#underWay.set(item, { transport, refreshed });
    return this.#settleLater(item, job, refreshed);
  }

  #settleLater(item: Item, job: RefreshJob, refreshed: Promise<Refreshed>): Promise<Reply> {
    const { verifyTimeoutMs } = this.#options.stale;
    if (verifyTimeoutMs === 0) return refreshed.then((done) => this.#settle(item, job, done));
    return this.#settleWithin(verifyTimeoutMs, item, job, refreshed);
  }

  async #settleWithin(ms: number, item: Item, job: RefreshJob, finished: Promise<Refreshed>): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, ms, null);
    });
    const done = await Promise.race([finished, timeout]);
    clearTimeout(timer);
    // A name may have changed while we waited: then there is nothing to stand in, and the client waits for the reply.
    if (done === null && this.#keeper.isCurrent(item)) return this.#staleReply(item, job);
    return this.#settle(item, job, done ?? (await finished));
  }

  /** The fresh reply where it is good; else the stale one; else, where that is out of date by now, whatever came. */
  #settle(item: Item, job: RefreshJob, outcome: Refreshed): Reply {
    if (!outcome.isRefreshed && this.#keeper.isCurrent(item)) return this.#staleReply(item, job);
    if (outcome.error !== null) throw outcome.error;
    const reply = outcome.reply ?? failure(RCODE.SERVFAIL);
    if (reply.kind !== 'answer') return reply;
    // With a timeout the client gets the fresh item as a hit would give it, as in CoreDNS; without, the reply itself.
    if (outcome.item !== null && this.#options.stale.verifyTimeoutMs > 0)
      return outcome.item.replyWith(outcome.item.ttlSeconds, wantsAuthenticated(job.query));
    return forClient(reply, job.query);
  }

  #staleReply(item: Item, { query, meters }: { query: Query; meters: RefreshJob['meters'] }): Answer {
    meters.servedStale();
    const { stale, isTtlKept } = this.#options;
    const ttl = stale.ttlSeconds > 0 ? stale.ttlSeconds : isTtlKept ? item.ttlSeconds : 0;
    return item.replyWith(ttl, wantsAuthenticated(query));
  }
}
