import { connect, type Socket } from 'node:net';
import type { Message } from '#dns/decode.ts';
import type { Clock } from './clock.ts';
import { DeadlineList } from './deadline-list.ts';
import { DialTimeout, type TimeLimit } from './dial-timeout.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import type { Exchange, ExchangeOwner } from './exchange.ts';
import { type IgnoredReason, type PoolCounters, stopped } from './exchange-udp.ts';
import { Patience } from './patience.ts';
import { IdlePool } from './pool.ts';
import { type ConnectionEvents, StreamConnection } from './stream-connection.ts';
import { reasonOf, UpstreamError } from './upstream-error.ts';

/** Opens a connection; the returned socket says `readyEvent` when the first octet can be written. */
export interface StreamDialer {
  readonly readyEvent: 'connect' | 'secureConnect';
  dial(): Socket;
}

/** Plain TCP. */
export const tcpDialer = ({ host, port, sourceAddress }: Endpoint): StreamDialer => ({
  readyEvent: 'connect',
  dial: () => connect({ host, port, ...(sourceAddress !== null && { localAddress: sourceAddress }) }),
});

/** How connections are kept. 0 is no limit for `maxAgeMs` and `maxIdle`. */
export interface StreamLimits {
  readonly expireMs: number;
  readonly maxAgeMs: number;
  readonly maxIdle: number;
  /** Left out: `MAX_CONNECTIONS`. */
  readonly maxConnections?: number;
  /** How long a query waits for a connection; left out, as long as connecting may take. */
  readonly connectMs?: number | null;
}

/**
 * Connections to one upstream, those that come up included; with that many, queries wait behind others. Without a bound each query towards an
 * upstream that is slow would cost a descriptor and, with TLS, some 100 KB.
 */
export const MAX_CONNECTIONS = 512;
/** Those of them that come up, or have brought no reply yet: an upstream that is dead is not overrun. */
const MAX_UNPROVEN = 16;
/** So many are opened as soon as all are in use; where queries share connections, more only when all are held up. */
const WANTED = 8;
/** A connection that owes a reply for so long gets no other query, where there is any other way. */
const HELD_UP_MS = 10;
/** Queries of one turn of the event loop that share a connection, and so a packet; and what a connection takes at most of those that wait. */
const BATCH = 16;
/** Queries on one connection that is not held up. */
const MOST_ON_ONE = 64;
/** A connection that does not come up for so long gets company: behind a Service each attempt may come to another Pod. Not so with TLS, whose handshake takes time. */
const DIAL_PATIENCE_MS = 50;
/** How often a query is sent at most, when connections stay silent; and how often a connection may close on it. */
const MOST_ASKS = 3;
const MOST_LOSSES = 3;
/** How long a peer that closed after one reply gets one query at a time. */
const ONE_BY_ONE_MS = 60_000;
const LOOK_MS = 25;
const SWEEP_MS = 10_000;
/** How often a connection is tried for nobody, and how long that may take; as long where there is another way than a connection. */
const RETRY_MS = 500;
const SHORT_DIAL_MS = 1000;

/** A socket that is being thrown away may still complain. */
const ignore = (): void => undefined;

/** Asks one upstream over TCP or TLS, with connections that stay open for the next query, and leaves those that fall silent. */
export class StreamExchanger implements ConnectionEvents, ExchangeOwner {
  readonly #dialer: StreamDialer;
  readonly #remote: string;
  readonly #deadlines: DeadlineList;
  /** Time limits of those that wait for a connection. */
  readonly #connectDeadlines: DeadlineList;
  readonly #counters: PoolCounters;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: StreamLimits;
  readonly #maxConnections: number;
  readonly #pool: IdlePool<StreamConnection>;
  readonly #open = new Set<StreamConnection>();
  readonly #dialing = new Set<Socket>();
  readonly #dialTimeout: TimeLimit;
  readonly #patience: Pick<Patience, 'ms' | 'isQuick' | 'observe'>;
  /** Exchanges that wait for a connection, the first to come first. */
  readonly #waiting = new Set<Exchange>();
  /** Connections with something to write at the end of this turn, the last one taken last. */
  #unsent: StreamConnection[] = [];
  #unproven = 0;
  #dialedAtMs = Number.NEGATIVE_INFINITY;
  #oneByOneUntilMs = Number.NEGATIVE_INFINITY;
  #isUnreachable = false;
  #look: NodeJS.Timeout | null = null;
  #sweep: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(
    endpoint: Endpoint,
    dialer: StreamDialer,
    options: {
      readonly deadlines: DeadlineList;
      readonly limits: StreamLimits;
      readonly counters: PoolCounters;
      readonly clock: Clock;
      readonly random?: () => number;
      readonly dialTimeout?: TimeLimit;
      readonly patience?: Pick<Patience, 'ms' | 'isQuick' | 'observe'>;
    },
  ) {
    const { limits, deadlines, clock } = options;
    this.#dialer = dialer;
    this.#remote = endpointText(endpoint);
    this.#deadlines = deadlines;
    const connectMs = limits.connectMs ?? null;
    this.#connectDeadlines = connectMs === null ? deadlines : new DeadlineList(connectMs, clock);
    this.#counters = options.counters;
    this.#clock = clock;
    this.#random = options.random ?? Math.random;
    this.#limits = limits;
    this.#maxConnections = limits.maxConnections ?? MAX_CONNECTIONS;
    this.#pool = new IdlePool(limits);
    this.#dialTimeout = options.dialTimeout ?? new DialTimeout();
    this.#patience = options.patience ?? new Patience(deadlines.timeoutMs);
  }

  /** True while no connection can be had: the last that was waited for did not come up, and none is open. */
  get isUnreachable(): boolean {
    return this.#isUnreachable;
  }

  send(exchange: Exchange): void {
    exchange.owner = this;
    if (this.#isClosed) this.#refuse(exchange);
    else this.#place(exchange, this.#clock.monotonicMs());
  }

  /** Opens a connection for nobody, now and then, to find out whether one can be had again. */
  retry(): void {
    const isDue = this.#clock.monotonicMs() - this.#dialedAtMs >= RETRY_MS;
    if (isDue && !this.#isClosed && this.#mayDial()) this.#dial(null);
  }

  /** One that waited for a connection has waited for as long as it may. */
  timedOut(exchange: Exchange): void {
    const [place] = exchange.places as readonly StreamConnection[];
    if (place !== undefined) this.#fail(exchange, place.timeoutError());
    else this.#noConnection(exchange, this.#dialError(new Error('i/o timeout')));
  }

  replied(connection: StreamConnection, exchange: Exchange, reply: Message): void {
    const now = this.#clock.monotonicMs();
    if (connection.answered === 1) this.#unproven--;
    this.#patience.observe(now - exchange.sentAtMs);
    this.#leave(exchange, connection);
    this.#over(exchange);
    if (this.#isClosed) connection.close();
    else if (connection.isRetired) connection.retire();
    else this.#fill(connection, now);
    this.#admit();
    exchange.sink.replied(reply);
  }

  failed(connection: StreamConnection, exchange: Exchange, error: Error): void {
    this.#leave(exchange, connection);
    if (exchange.places.length > 0 || this.#waiting.has(exchange)) return;
    this.#fail(exchange, error);
  }

  /** A new connection, not the next kept one: an upstream that let each hang before it closes it would hold a query for as many time limits. */
  lost(connection: StreamConnection, exchange: Exchange, error: Error): void {
    const now = this.#clock.monotonicMs();
    if (connection.answered === 1 && exchange.sentAtMs <= connection.heardAtMs)
      this.#oneByOneUntilMs = now + ONE_BY_ONE_MS;
    this.#leave(exchange, connection);
    if (exchange.places.length > 0 || this.#waiting.has(exchange)) return;
    this.#deadlines.remove(exchange);
    if (this.#isClosed) this.#refuse(exchange);
    else if (++exchange.losses > MOST_LOSSES) this.#fail(exchange, error);
    else this.#wait(exchange);
  }

  closed(connection: StreamConnection): void {
    if (connection.answered === 0) this.#unproven--;
    this.#open.delete(connection);
    this.#pool.drop(connection);
    this.#admit();
  }

  ignored(reason: IgnoredReason): void {
    this.#counters.ignored(reason);
  }

  /** Closes all connections at once; what is in flight fails. */
  close(): void {
    this.#isClosed = true;
    for (const timer of [this.#sweep, this.#look]) if (timer !== null) clearInterval(timer);
    this.#sweep = this.#look = null;
    // Those that were asked, too, fail with their connections.
    for (const exchange of [...this.#waiting])
      if (this.#takeWaiting(exchange) && exchange.places.length === 0) this.#refuse(exchange);
    for (const socket of [...this.#dialing]) socket.destroy(stopped());
    for (const connection of [...this.#open]) connection.abort(stopped());
    this.#pool.close();
    this.#connectDeadlines.close();
  }

  /** Finds a connection for an exchange, or has it wait for one. */
  #place(exchange: Exchange, now: number): void {
    const isPipelined = this.#isPipelined(now);
    const latest = isPipelined ? this.#unsent.at(-1) : undefined;
    if (latest !== undefined && !latest.isRetired && latest.unsent < BATCH && latest.load < MOST_ON_ONE) {
      this.#put(latest, exchange, now);
      return;
    }
    const idle = this.#pool.take(now);
    const connection = idle ?? (isPipelined ? this.#leastLoaded(now) : null);
    if (connection === null) {
      this.#wait(exchange);
      return;
    }
    this.#put(connection, exchange, now);
    if (idle === null && this.#open.size + this.#dialing.size < WANTED && this.#mayDial()) this.#dial(null);
  }

  /**
   * Only where replies are quick: CoreDNS answers the queries of a connection one after the other, so one that takes long would hold up those
   * behind it, and what is saved, a system call, is nothing to it.
   */
  #isPipelined(now: number): boolean {
    return this.#patience.isQuick && now >= this.#oneByOneUntilMs;
  }

  /** Of those that are not held up. */
  #leastLoaded(now: number): StreamConnection | null {
    let best: StreamConnection | null = null;
    for (const connection of this.#open) {
      if (connection.isRetired || connection.load >= (best?.load ?? MOST_ON_ONE)) continue;
      if (now - connection.quietSinceMs < HELD_UP_MS) best = connection;
    }
    return best;
  }

  #put(connection: StreamConnection, exchange: Exchange, now: number): void {
    this.#counters.hit();
    this.#start(connection, exchange, now);
  }

  #start(connection: StreamConnection, exchange: Exchange, now: number): void {
    if (exchange.places.length === 0) this.#deadlines.add(exchange);
    exchange.places = [connection, ...exchange.places];
    exchange.asks++;
    exchange.sentAtMs = now;
    connection.send(exchange, now);
    this.#look ??= setInterval(this.#lookRound, LOOK_MS).unref();
    if (connection.unsent > 1) return;
    if (this.#unsent.length === 0) setImmediate(this.#flush);
    this.#unsent.push(connection);
  }

  readonly #flush = (): void => {
    const unsent = this.#unsent;
    this.#unsent = [];
    for (const connection of unsent) connection.flush();
  };

  /** Has an exchange wait, and opens a connection for it where there may be one more. */
  #wait(exchange: Exchange): void {
    this.#waiting.add(exchange);
    if (exchange.places.length === 0) this.#connectDeadlines.add(exchange);
    this.#look ??= setInterval(this.#lookRound, LOOK_MS).unref();
    if (this.#mayDial() && this.#isDialWanted()) this.#dial(exchange);
  }

  /** True where those that come up do not have room for all that wait. */
  #isDialWanted(): boolean {
    const most = this.#isPipelined(this.#clock.monotonicMs()) ? BATCH : 1;
    return this.#waiting.size > this.#dialing.size * most;
  }

  #mayDial(): boolean {
    const unproven = this.#dialing.size + this.#unproven;
    return unproven < MAX_UNPROVEN && this.#open.size + this.#dialing.size < this.#maxConnections;
  }

  /** Takes one out of those that wait; false where it does not. */
  #takeWaiting(exchange: Exchange): boolean {
    if (!this.#waiting.delete(exchange)) return false;
    if (exchange.places.length === 0) this.#connectDeadlines.remove(exchange);
    return true;
  }

  /** The next for a connection; one that a connection has closed on before is not for one that may be about to close as well. */
  #nextFor({ answered }: StreamConnection): Exchange | null {
    for (const exchange of this.#waiting) if (answered === 0 || exchange.losses === 0) return exchange;
    return null;
  }

  /** Gives a connection what waits, as much as it takes; with nothing on it, it is idle. */
  #fill(connection: StreamConnection, now: number): void {
    const most = this.#isPipelined(now) ? BATCH : 1;
    while (connection.load < most) {
      const exchange = this.#nextFor(connection);
      if (exchange === null) break;
      this.#takeWaiting(exchange);
      this.#put(connection, exchange, now);
    }
    if (connection.load > 0) return;
    if (!this.#pool.give(connection, now)) connection.close();
    else this.#sweep ??= setInterval(() => this.#sweepIdle(), SWEEP_MS).unref();
  }

  /** Opens connections for those that wait, where there may be more again. */
  #admit(): void {
    if (this.#waiting.size === 0 || this.#isClosed) return;
    for (const exchange of this.#waiting) {
      if (!this.#mayDial() || !this.#isDialWanted()) return;
      if (exchange.dials === 0) this.#dial(exchange);
    }
  }

  /** Opens a connection, for one that waits or for whom it will be of use. */
  #dial(exchange: Exchange | null): void {
    this.#counters.missed();
    const startedAt = this.#clock.monotonicMs();
    this.#dialedAtMs = startedAt;
    const socket = this.#dialer.dial();
    this.#dialing.add(socket);
    if (exchange !== null) {
      exchange.dials++;
      // Connecting has a time limit of its own.
      if (this.#connectDeadlines === this.#deadlines && exchange.places.length === 0) this.#deadlines.remove(exchange);
    }
    const limitMs = Math.max(1, Math.min(this.#dialTimeout.ms, this.#mostDialMs(exchange, startedAt)));
    const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), limitMs).unref();
    const ended = (): void => {
      clearTimeout(timer);
      this.#dialing.delete(socket);
      if (exchange !== null) exchange.dials--;
      this.#dialTimeout.observe(this.#clock.monotonicMs() - startedAt);
      socket.off('error', failed).off('close', closed).off(this.#dialer.readyEvent, ready);
    };
    const failed = (error: Error): void => {
      ended();
      socket.on('error', ignore).destroy();
      if (exchange !== null && exchange.dials === 0 && this.#waiting.has(exchange))
        this.#noConnection(exchange, this.#dialError(error));
      this.#admit();
    };
    const closed = (): void => failed(new Error('EOF'));
    const ready = (): void => {
      ended();
      this.#opened(socket, exchange);
    };
    socket.on('error', failed).on('close', closed).on(this.#dialer.readyEvent, ready);
  }

  #mostDialMs(exchange: Exchange | null, now: number): number {
    const isShort = exchange === null || this.#connectDeadlines !== this.#deadlines;
    return Math.min(
      isShort ? SHORT_DIAL_MS : Number.POSITIVE_INFINITY,
      (exchange?.giveUpAtMs ?? Number.POSITIVE_INFINITY) - now,
    );
  }

  #opened(socket: Socket, exchange: Exchange | null): void {
    const { maxAgeMs } = this.#limits;
    // Connections that were opened together do not end together.
    const ageMs = maxAgeMs === 0 ? Number.POSITIVE_INFINITY : maxAgeMs * (1 - this.#random() / 4);
    const connection = new StreamConnection(socket, this.#remote, {
      clock: this.#clock,
      events: this,
      maxAgeMs: ageMs,
    });
    this.#open.add(connection);
    this.#unproven++;
    this.#isUnreachable = false;
    const now = this.#clock.monotonicMs();
    if (exchange !== null && this.#takeWaiting(exchange)) this.#start(connection, exchange, now);
    this.#fill(connection, now);
    this.#admit();
  }

  /** Looks after connections that are silent, or too old, and after those that wait; ends when there is nothing to look after. */
  readonly #lookRound = (): void => {
    const now = this.#clock.monotonicMs();
    const silent: StreamConnection[] = [];
    let isBusy = this.#waiting.size > 0;
    for (const connection of this.#open) {
      if (connection.load > 0) isBusy = true;
      if (now > connection.oldAtMs && !connection.isRetired) connection.retire();
      else if (this.#isSilent(connection, now)) silent.push(connection);
    }
    if (silent.length > 0) this.#leaveSilent(silent, now);
    const longest = first(this.#waiting);
    const isPatient = this.#dialer.readyEvent === 'secureConnect' || now - this.#dialedAtMs < DIAL_PATIENCE_MS;
    if (longest !== undefined && !isPatient && this.#mayDial()) this.#dial(longest);
    if (isBusy || this.#look === null) return;
    clearInterval(this.#look);
    this.#look = null;
  };

  /** One that has never brought a reply gets the double: it may be busy with what was too much for the one before. */
  #isSilent(connection: StreamConnection, now: number): boolean {
    const patienceMs = connection.answered > 0 ? this.#patience.ms : 2 * this.#patience.ms;
    return connection.load > 0 && !connection.isGivenUp && now - connection.quietSinceMs >= patienceMs;
  }

  /**
   * Leaves connections that owe a reply and are silent, and those that were heard no later: they may lead to the same dead end. What is on
   * the silent ones is asked again on others, and the first reply counts.
   */
  #leaveSilent(silent: readonly StreamConnection[], now: number): void {
    let sinceMs = Number.NEGATIVE_INFINITY;
    for (const connection of silent) {
      connection.isGivenUp = true;
      sinceMs = Math.max(sinceMs, connection.quietSinceMs);
    }
    for (const connection of [...this.#open])
      if (!connection.isRetired && connection.heardAtMs <= sinceMs) connection.retire();
    for (const connection of silent)
      for (const exchange of [...connection.exchanges])
        if (exchange.asks < MOST_ASKS && !this.#waiting.has(exchange)) this.#place(exchange, now);
  }

  /** Fails one that could have no connection. */
  #noConnection(exchange: Exchange, error: Error): void {
    this.#takeWaiting(exchange);
    if (exchange.places.length > 0) return;
    let isAnyOpen = false;
    for (const { isRetired } of this.#open) if (!isRetired) isAnyOpen = true;
    this.#isUnreachable = !isAnyOpen;
    this.#fail(exchange, error);
  }

  #fail(exchange: Exchange, error: Error): void {
    this.#over(exchange);
    exchange.sink.failed(error);
  }

  /** Ends an exchange everywhere. */
  #over(exchange: Exchange): void {
    this.#takeWaiting(exchange);
    this.#deadlines.remove(exchange);
    exchange.owner = null;
    const { places } = exchange;
    exchange.places = [];
    for (const place of places) place.forget(exchange);
  }

  #leave(exchange: Exchange, connection: StreamConnection): void {
    exchange.places = exchange.places.filter((place) => place !== connection);
  }

  #refuse(exchange: Exchange): void {
    setImmediate(() => exchange.sink.failed(stopped()));
  }

  #dialError(cause: Error): Error {
    if (cause instanceof UpstreamError) return cause;
    const reason = reasonOf(cause);
    const text = reason.startsWith('tls: ') ? reason : `dial tcp ${this.#remote}: ${reason}`;
    return new UpstreamError('upstream-connect', text, this.#remote, { cause });
  }

  #sweepIdle(): void {
    this.#pool.sweep(this.#clock.monotonicMs());
    if (this.#pool.size > 0 || this.#sweep === null) return;
    clearInterval(this.#sweep);
    this.#sweep = null;
  }
}

const first = <T>(items: Iterable<T>): T | undefined => {
  for (const item of items) return item;
  return undefined;
};
