import { FLAG, type Message } from '#dns/decode.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Answer, failure, type Next, type Query, type Reply } from '#plugin/index.ts';
import type { Timed } from '#upstream/deadline-list.ts';
import type { ExchangeSink } from '#upstream/exchange.ts';
import type { Forwarder } from './forwarder.ts';
import { durationText } from './go-values.ts';
import { type OutgoingQuery, outgoingQuery } from './query-message.ts';
import type { Site } from './upstream-set.ts';

/** What CoreDNS says when no upstream was even tried, or the time was over after replies that set off a failover. */
export class NoHealthyError extends Error {
  readonly code = 'no-healthy-upstream';
  constructor() {
    super('no healthy proxies');
  }
}

/** With `timeout`: the time is over while an upstream is being waited for. */
export class QueryTimeoutError extends Error {
  readonly code = 'forward-timeout';
  constructor(timeoutMs: number, upstream: string) {
    super(`no reply within ${durationText(timeoutMs)}, the last to be asked was ${upstream}`);
  }
}

/**
 * One client query on its way through the upstreams, until one has answered or the time, the attempts or the upstreams are used up.
 * One object and one promise a query, no more. CoreDNS: `Forward.ServeDNS`.
 */
export class Attempt implements ExchangeSink, Timed {
  readonly #forwarder: Forwarder;
  readonly #query: Query;
  readonly #onward: Next;
  readonly #done: (reply: Reply | Promise<Reply>) => void;
  readonly #outgoing: OutgoingQuery;
  readonly #order: readonly Site[];
  readonly #giveUpAtMs: number;
  readonly #maxConnects: number;
  #connects = 0;
  #turn = 0;
  /** Upstreams found to be down since the order was begun. */
  #down = 0;
  #failovers = 0;
  #isTcp = false;
  #site: Site | null = null;
  #askedAtMs = 0;
  #error: Error | null = null;
  #isOver = false;
  deadlineMs = 0;
  previous: Timed | null = null;
  next: Timed | null = null;

  constructor(forwarder: Forwarder, query: Query, next: Next, done: (reply: Reply | Promise<Reply>) => void) {
    this.#forwarder = forwarder;
    this.#query = query;
    this.#onward = next;
    this.#done = done;
    this.#order = forwarder.order();
    this.#giveUpAtMs = forwarder.clock.monotonicMs() + forwarder.deadlineMs;
    this.#outgoing = outgoingQuery(query, this.#giveUpAtMs);
    this.#maxConnects = forwarder.options.maxConnectAttempts ?? 2 * this.#order.length;
    forwarder.timeouts?.add(this);
  }

  /** Asks the next upstream, or gives up. */
  run(): void {
    const site = this.#choose();
    if (site === null) {
      this.#end(failure(RCODE.SERVFAIL, this.#error ?? new NoHealthyError()));
      return;
    }
    this.#site = site;
    this.#isTcp = this.#forwarder.options.isTcpForced || this.#isClientsTcp();
    this.#ask(site);
  }

  replied(reply: Message): void {
    const { options } = this.#forwarder;
    const site = this.#site as Site;
    site.durations.observe(reply.rcode, (this.#forwarder.clock.monotonicMs() - this.#askedAtMs) / 1000);
    if (this.#isOver) return;
    this.#error = null;
    if ((reply.flags & FLAG.TC) !== 0 && options.isUdpPreferred && !options.isTcpForced && !this.#isTcp) {
      this.#isTcp = true;
      this.#ask(site);
      return;
    }
    if (options.failover.includes(reply.rcode) && ++this.#failovers < this.#order.length) {
      this.run();
      return;
    }
    const { following } = this.#forwarder;
    const isPassedOn =
      following !== null &&
      (options.next.includes(reply.rcode) ||
        (options.isNextOnNodata && reply.rcode === RCODE.NOERROR && reply.answer.length === 0));
    this.#end(isPassedOn ? following.handle(this.#query, this.#onward) : answerFrom(reply));
  }

  failed(error: Error): void {
    this.#error = error;
    const { options } = this.#forwarder;
    if (options.maxFails !== 0) (this.#site as Site).upstream.health.check();
    if (this.#isOver) return;
    const isAttemptLeft = this.#maxConnects === 0 || ++this.#connects < this.#maxConnects;
    if (isAttemptLeft && this.#down < this.#order.length) this.run();
    else this.#end(failure(RCODE.SERVFAIL, error));
  }

  /** What an upstream says from now on is too late, but for what it tells about its health. */
  expired(): void {
    const { upstream } = this.#site as Site;
    this.#end(failure(RCODE.SERVFAIL, new QueryTimeoutError(this.#forwarder.deadlineMs, upstream.text)));
    if (this.#forwarder.options.maxFails !== 0) upstream.health.check();
  }

  #end(reply: Reply | Promise<Reply>): void {
    this.#isOver = true;
    this.#forwarder.timeouts?.remove(this);
    this.#done(reply);
  }

  #ask(site: Site): void {
    this.#askedAtMs = this.#forwarder.clock.monotonicMs();
    site.upstream.ask(this.#outgoing, this.#isTcp, this);
  }

  #isClientsTcp(): boolean {
    return this.#query.transport !== 'udp' && !this.#forwarder.options.isUdpPreferred;
  }

  /** The next upstream that is not down; with all down a random one, since then the health checks themselves may be what is broken. */
  #choose(): Site | null {
    const { options, clock } = this.#forwarder;
    while (clock.monotonicMs() < this.#giveUpAtMs) {
      if (this.#turn >= this.#order.length) {
        this.#turn = 0;
        this.#down = 0;
      }
      const site = this.#order[this.#turn++];
      if (site === undefined) return null;
      if (!site.upstream.health.isDown(options.maxFails)) return site;
      if (++this.#down < this.#order.length) continue;
      this.#forwarder.metrics.healthCheckBroken.value++;
      return options.isFailfast ? null : this.#forwarder.anySite();
    }
    return null;
  }
}

/** The upstream's reply as it is. The listener puts in the client's ID, question, RD, CD and OPT. */
const answerFrom = (reply: Message): Answer =>
  new Answer({
    rcode: reply.rcode,
    isAuthoritative: (reply.flags & FLAG.AA) !== 0,
    isRecursionAvailable: (reply.flags & FLAG.RA) !== 0,
    isAuthenticData: (reply.flags & FLAG.AD) !== 0,
    isTruncated: (reply.flags & FLAG.TC) !== 0,
    answer: reply.answer,
    authority: reply.authority,
    additional: reply.additional,
    ...(reply.edns !== null && reply.edns.options.length > 0 && { options: reply.edns.options }),
  });
