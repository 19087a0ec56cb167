import { HEADER_OCTETS } from '#dns/decode.ts';
import type { Clock } from './clock.ts';
import type { DeadlineList } from './deadline-list.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import type { Exchange, ExchangeOwner } from './exchange.ts';
import { randomId } from './random-id.ts';
import { isReplyTo, readUdpReply } from './reply-check.ts';
import { type OpenLink, openDgramLink, type UdpLink } from './udp-link.ts';
import { reasonOf, UpstreamError } from './upstream-error.ts';

/** Sockets, hence source ports, that an upstream's queries are spread over. A power of two: the choice is 16 random bits cut down. */
export const UDP_SOCKETS = 16;
/** After this long, or this many queries, a socket and its port are given up. */
export const SOCKET_LIFETIME_MS = 10_000;
export const SOCKET_QUERIES = 1000;

/** How long sockets live. */
export interface UdpLimits {
  readonly lifetimeMs: number;
  /** A socket that was idle for longer is not used again. */
  readonly expireMs: number;
  readonly queries: number;
}

/** Told of each use of a pool: an open socket or connection was there, or had to be made; and of what came that is nobody's reply. */
export interface PoolCounters {
  hit(): void;
  missed(): void;
  ignored(reason: IgnoredReason): void;
}

/** What a message from an upstream's address was not taken for: no query waits with this ID, it is to another question, it is no message. */
export type IgnoredReason = 'id' | 'question' | 'format';

/**
 * Asks one upstream over UDP. Each query goes out through a randomly chosen one of 16 connected sockets, each on a port that the
 * kernel picked at random, and with a random ID: both have to be guessed to forge a reply (RFC 5452). A socket is opened when it is
 * first chosen. A connected socket is given only datagrams from the upstream's address and port.
 */
export class UdpExchanger {
  readonly #endpoint: Endpoint;
  readonly #deadlines: DeadlineList;
  readonly #limits: UdpLimits;
  readonly #counters: PoolCounters;
  readonly #clock: Clock;
  readonly #randomId: () => number;
  readonly #openLink: OpenLink;
  readonly #sockets: (UdpSocket | null)[] = Array.from({ length: UDP_SOCKETS }, () => null);
  readonly #open = new Set<UdpSocket>();
  #isClosed = false;

  constructor(
    endpoint: Endpoint,
    options: {
      readonly deadlines: DeadlineList;
      readonly limits: UdpLimits;
      readonly counters: PoolCounters;
      readonly clock: Clock;
      /** 16 unpredictable bits; only a test gives its own. */
      readonly randomId?: () => number;
      /** How sockets are opened; left out: by dgram. */
      readonly openLink?: OpenLink;
    },
  ) {
    this.#endpoint = endpoint;
    this.#deadlines = options.deadlines;
    this.#limits = options.limits;
    this.#counters = options.counters;
    this.#clock = options.clock;
    this.#randomId = options.randomId ?? randomId;
    this.#openLink = options.openLink ?? openDgramLink;
  }

  send(exchange: Exchange): void {
    if (this.#isClosed) {
      setImmediate(() => exchange.sink.failed(stopped()));
      return;
    }
    const now = this.#clock.monotonicMs();
    const slot = this.#randomId() & (UDP_SOCKETS - 1);
    let socket = this.#sockets[slot] ?? null;
    if (socket !== null && this.#isWorn(socket, now)) {
      socket.retire();
      socket = null;
    }
    if (socket === null) {
      this.#counters.missed();
      socket = this.#make(slot, now);
    } else this.#counters.hit();
    socket.send(exchange, now, this.#randomId);
  }

  /** Closes all sockets at once; what is in flight fails. */
  close(): void {
    this.#isClosed = true;
    for (const socket of [...this.#open]) socket.fail(stopped());
  }

  #isWorn(socket: UdpSocket, now: number): boolean {
    return socket.queries >= this.#limits.queries || (socket.isIdle && now - socket.usedAtMs > this.#limits.expireMs);
  }

  #make(slot: number, now: number): UdpSocket {
    const made: UdpSocket = new UdpSocket(this.#endpoint, this.#deadlines, now, {
      openLink: this.#openLink,
      lifetimeMs: this.#limits.lifetimeMs,
      counters: this.#counters,
      events: {
        retired: () => {
          if (this.#sockets[slot] === made) this.#sockets[slot] = null;
        },
        closed: () => this.#open.delete(made),
      },
    });
    this.#open.add(made);
    this.#sockets[slot] = made;
    return made;
  }
}

/** What CoreDNS says of a transport that is stopped. */
export const stopped = (): UpstreamError => new UpstreamError('upstream-stopped', 'proxy: transport stopped', '');

interface SocketEvents {
  retired(): void;
  closed(): void;
}

/** One connected socket with the queries that wait on it. */
class UdpSocket implements ExchangeOwner {
  readonly #link: UdpLink;
  readonly #endpoint: Endpoint;
  readonly #deadlines: DeadlineList;
  readonly #events: SocketEvents;
  readonly #counters: PoolCounters;
  readonly #inFlight = new Map<number, Exchange>();
  #lifetime: NodeJS.Timeout | null = null;
  /** Why it could not be opened, or broke. */
  #error: Error | null = null;
  #isClosed = false;
  isRetired = false;
  queries = 0;
  usedAtMs: number;

  constructor(
    endpoint: Endpoint,
    deadlines: DeadlineList,
    now: number,
    options: {
      readonly openLink: OpenLink;
      readonly lifetimeMs: number;
      readonly counters: PoolCounters;
      readonly events: SocketEvents;
    },
  ) {
    this.#endpoint = endpoint;
    this.#deadlines = deadlines;
    this.#events = options.events;
    this.#counters = options.counters;
    this.usedAtMs = now;
    this.#link = options.openLink(endpoint, {
      message: (bytes) => this.#message(bytes),
      failed: (error) => this.fail(error),
    });
    this.#lifetime = setTimeout(() => this.retire(), options.lifetimeMs).unref();
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  /** Takes no more queries, and closes once those in flight have ended. */
  retire(): void {
    if (this.isRetired) return;
    this.isRetired = true;
    if (this.#lifetime !== null) clearTimeout(this.#lifetime);
    this.#events.retired();
    if (this.isIdle) this.#close();
  }

  send(exchange: Exchange, now: number, randomId: () => number): void {
    let id = randomId();
    while (this.#inFlight.has(id)) id = randomId();
    exchange.setId(id);
    exchange.owner = this;
    this.#inFlight.set(id, exchange);
    this.#deadlines.add(exchange);
    this.queries++;
    this.usedAtMs = now;
    if (this.#error !== null) {
      setImmediate(() => this.fail(this.#error as Error));
      return;
    }
    this.#link.send(exchange.message);
  }

  timedOut(exchange: Exchange): void {
    const error = this.#ioError('upstream-timeout', 'i/o timeout');
    this.#end(exchange);
    exchange.sink.failed(error);
  }

  /** All that wait here fail: an ICMP error does not say whose it is. */
  fail(error: Error): void {
    this.#error ??= error;
    if (this.#inFlight.size > 0) {
      const { syscall } = error as NodeJS.ErrnoException;
      const failure =
        error instanceof UpstreamError
          ? error
          : syscall === 'connect' || syscall === 'bind'
            ? this.#dialError(error)
            : this.#ioError('upstream-io', reasonOf(error), error);
      const waiting = [...this.#inFlight.values()];
      for (const exchange of waiting) this.#end(exchange);
      for (const exchange of waiting) exchange.sink.failed(failure);
    }
    this.retire();
  }

  /** Takes a reply. What is none is passed over, since the right one may be on its way: a guess must not end the wait. RFC 5452, section 9.1. */
  #message(bytes: Buffer): void {
    const isWhole = bytes.length >= HEADER_OCTETS;
    const exchange = isWhole ? this.#inFlight.get(((bytes[0] as number) << 8) | (bytes[1] as number)) : undefined;
    const reply = exchange === undefined ? null : readUdpReply(bytes, exchange.maxUdpOctets);
    if (exchange === undefined) this.#counters.ignored(isWhole ? 'id' : 'format');
    else if (reply === null) this.#counters.ignored('format');
    else if (!isReplyTo(exchange, reply)) this.#counters.ignored('question');
    else {
      this.#end(exchange);
      exchange.sink.replied(reply);
    }
  }

  #end(exchange: Exchange): void {
    this.#inFlight.delete(exchange.id);
    this.#deadlines.remove(exchange);
    exchange.owner = null;
    if (this.isRetired && this.isIdle) this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events.closed();
    this.#link.close();
  }

  #dialError(cause: Error): UpstreamError {
    const remote = endpointText(this.#endpoint);
    return new UpstreamError('upstream-io', `dial udp ${remote}: ${reasonOf(cause)}`, remote, { cause });
  }

  #ioError(code: 'upstream-io' | 'upstream-timeout', reason: string, cause?: Error): UpstreamError {
    const remote = endpointText(this.#endpoint);
    const call = reason.startsWith('write: ') ? 'write' : 'read';
    return new UpstreamError(code, `${call} udp ${this.#link.local}->${remote}: ${reason}`, remote, { cause });
  }
}
