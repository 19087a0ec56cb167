import { connect, type Socket } from 'node:net';
import type { Clock } from './clock.ts';
import type { DeadlineList } from './deadline-list.ts';
import { DialTimeout, type TimeLimit } from './dial-timeout.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import type { Exchange, ExchangeOwner } from './exchange.ts';
import { type IgnoredReason, type PoolCounters, stopped } from './exchange-udp.ts';
import { IdlePool, type PoolLimits } from './pool.ts';
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

const SWEEP_MS = 10_000;
/**
 * Connections to one upstream, those that come up included. A connection has one query at a time, so this many wait for replies at once, and
 * others for their turn. Without a bound each query towards an upstream that is slow would cost a descriptor and, with TLS, some 100 KB.
 */
export const MAX_CONNECTIONS = 512;

/** A socket that is being thrown away may still complain. */
const ignore = (): void => undefined;

/** Asks one upstream over TCP or TLS, with connections that stay open for the next query. */
export class StreamExchanger implements ConnectionEvents, ExchangeOwner {
  readonly #dialer: StreamDialer;
  readonly #remote: string;
  readonly #deadlines: DeadlineList;
  readonly #counters: PoolCounters;
  readonly #clock: Clock;
  readonly #pool: IdlePool<StreamConnection>;
  readonly #open = new Set<StreamConnection>();
  readonly #dialing = new Set<Socket>();
  readonly #dialTimeout: TimeLimit;
  readonly #maxConnections: number;
  /** Exchanges that wait for a connection, the first to come first. */
  readonly #waiting = new Set<Exchange>();
  #sweep: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(
    endpoint: Endpoint,
    dialer: StreamDialer,
    options: {
      readonly deadlines: DeadlineList;
      readonly limits: PoolLimits;
      readonly counters: PoolCounters;
      readonly clock: Clock;
      readonly dialTimeout?: TimeLimit;
      /** Left out: `MAX_CONNECTIONS`. */
      readonly maxConnections?: number;
    },
  ) {
    this.#dialer = dialer;
    this.#remote = endpointText(endpoint);
    this.#deadlines = options.deadlines;
    this.#counters = options.counters;
    this.#clock = options.clock;
    this.#pool = new IdlePool(options.limits);
    this.#dialTimeout = options.dialTimeout ?? new DialTimeout();
    this.#maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  }

  /** Connections that wait for a query. */
  get idle(): number {
    return this.#pool.size;
  }

  send(exchange: Exchange): void {
    const connection = this.#pool.take(this.#clock.monotonicMs());
    if (connection === null) {
      this.#dialInTurn(exchange);
      return;
    }
    this.#counters.hit();
    this.#start(connection, exchange);
  }

  /** One that waited for a connection has waited for as long as for a reply. */
  timedOut(exchange: Exchange): void {
    this.#waiting.delete(exchange);
    exchange.owner = null;
    exchange.sink.failed(this.#dialError(new Error('i/o timeout')));
  }

  released(connection: StreamConnection): void {
    this.#deadlines.remove(connection.finished as Exchange);
    const next = this.#isClosed ? null : this.#takeWaiting();
    if (next !== null) {
      this.#counters.hit();
      this.#start(connection, next);
    } else if (this.#isClosed || !this.#pool.give(connection, this.#clock.monotonicMs())) connection.close();
    else this.#sweep ??= setInterval(() => this.#sweepIdle(), SWEEP_MS).unref();
  }

  closed(connection: StreamConnection): void {
    if (connection.finished !== null) this.#deadlines.remove(connection.finished);
    this.#open.delete(connection);
    this.#pool.drop(connection);
    this.#admit();
  }

  ignored(reason: IgnoredReason): void {
    this.#counters.ignored(reason);
  }

  /** A new connection, not the next kept one: an upstream that let each hang before it closes it would hold a query for as many time limits. */
  lost(exchange: Exchange): void {
    this.#dialInTurn(exchange);
  }

  /** Closes all connections at once; what is in flight fails. */
  close(): void {
    this.#isClosed = true;
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
    for (let waiting = this.#takeWaiting(); waiting !== null; waiting = this.#takeWaiting()) this.#refuse(waiting);
    for (const socket of [...this.#dialing]) socket.destroy(stopped());
    for (const connection of [...this.#open]) connection.abort(stopped());
    this.#pool.close();
  }

  #start(connection: StreamConnection, exchange: Exchange): void {
    this.#deadlines.add(exchange);
    connection.send(exchange);
  }

  /** Opens a connection for an exchange, or has it wait where there are as many as there may be. */
  #dialInTurn(exchange: Exchange): void {
    if (this.#isClosed) this.#refuse(exchange);
    else if (this.#connections < this.#maxConnections) this.#dial(exchange);
    else {
      exchange.owner = this;
      this.#deadlines.add(exchange);
      this.#waiting.add(exchange);
    }
  }

  /** Connections open or coming up. */
  get #connections(): number {
    return this.#open.size + this.#dialing.size;
  }

  #takeWaiting(): Exchange | null {
    const [exchange] = this.#waiting;
    if (exchange === undefined) return null;
    this.#waiting.delete(exchange);
    this.#deadlines.remove(exchange);
    exchange.owner = null;
    return exchange;
  }

  /** Opens connections for those that wait, where there may be more again. */
  #admit(): void {
    while (!this.#isClosed && this.#connections < this.#maxConnections) {
      const exchange = this.#takeWaiting();
      if (exchange === null) return;
      this.#dial(exchange);
    }
  }

  #refuse(exchange: Exchange): void {
    setImmediate(() => exchange.sink.failed(stopped()));
  }

  #dial(exchange: Exchange): void {
    this.#counters.missed();
    const startedAt = this.#clock.monotonicMs();
    const socket = this.#dialer.dial();
    this.#dialing.add(socket);
    const limitMs = Math.max(1, Math.min(this.#dialTimeout.ms, exchange.giveUpAtMs - startedAt));
    const timer = setTimeout(() => socket.destroy(new Error('i/o timeout')), limitMs).unref();
    const ended = (): void => {
      clearTimeout(timer);
      this.#dialing.delete(socket);
      this.#dialTimeout.observe(this.#clock.monotonicMs() - startedAt);
      socket.off('error', failed).off('close', closed).off(this.#dialer.readyEvent, ready);
    };
    const failed = (error: Error): void => {
      ended();
      socket.on('error', ignore).destroy();
      this.#admit();
      exchange.sink.failed(this.#dialError(error));
    };
    const closed = (): void => failed(new Error('EOF'));
    const ready = (): void => {
      ended();
      const connection = new StreamConnection(socket, this.#remote, this.#clock.monotonicMs(), this);
      this.#open.add(connection);
      this.#start(connection, exchange);
    };
    socket.on('error', failed).on('close', closed).on(this.#dialer.readyEvent, ready);
  }

  #dialError(cause: Error): Error {
    if (cause instanceof UpstreamError) return cause;
    const reason = reasonOf(cause);
    const text = reason.startsWith('tls: ') ? reason : `dial tcp ${this.#remote}: ${reason}`;
    return new UpstreamError('upstream-io', text, this.#remote, { cause });
  }

  #sweepIdle(): void {
    this.#pool.sweep(this.#clock.monotonicMs());
    if (this.#pool.size > 0 || this.#sweep === null) return;
    clearInterval(this.#sweep);
    this.#sweep = null;
  }
}
