import type { Question } from '#dns/decode.ts';
import type { Name } from '#dns/name.ts';
import { RCODE, rcodeName } from '#dns/registry/rcodes.ts';
import type { Clock } from './clock.ts';
import { DeadlineList } from './deadline-list.ts';
import { type Endpoint, endpointText } from './endpoint.ts';
import { Exchange, type ExchangeSink } from './exchange.ts';
import { FALLBACK_CONNECT_MS, FallbackExchanger } from './exchange-fallback.ts';
import { MAX_CONNECTIONS, StreamExchanger, tcpDialer } from './exchange-tcp.ts';
import { tlsDialer } from './exchange-tls.ts';
import { type PoolCounters, SOCKET_LIFETIME_MS, SOCKET_QUERIES, UdpExchanger } from './exchange-udp.ts';
import { Health } from './health.ts';
import { dnsProbe } from './probe.ts';
import { type OpenLink, openDgramLink } from './udp-link.ts';

/** How upstreams are talked to. Times in ms; 0 is no limit for `maxAgeMs` and `maxIdleConnections`. */
export interface UpstreamOptions {
  readonly expireMs: number;
  readonly maxAgeMs: number;
  readonly maxIdleConnections: number;
  readonly readTimeoutMs: number;
  /** TCP or TLS connections to one upstream. */
  readonly maxConnections: number;
  /** UDP instead, where no TCP connection comes up; not with TLS. */
  readonly isUdpFallback: boolean;
  readonly health: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly domain: Name;
    readonly isRecursionDesired: boolean;
    readonly isTcp: boolean;
  };
}

export const DEFAULT_UPSTREAM_OPTIONS: UpstreamOptions = {
  expireMs: 10_000,
  maxAgeMs: 0,
  maxIdleConnections: 0,
  readTimeoutMs: 2000,
  maxConnections: MAX_CONNECTIONS,
  isUdpFallback: false,
  health: { intervalMs: 500, timeoutMs: 1000, domain: '\0' as Name, isRecursionDesired: true, isTcp: false },
};

/** What is counted of one upstream. */
export interface UpstreamMetrics {
  /** Pool hits and misses of one protocol (CoreDNS's label `proto`), and what came over it that is nobody's reply. */
  pool(protocol: 'udp' | 'tcp' | 'tcp-tls'): PoolCounters;
  healthCheckFailed(): void;
  /** A query that was to go by TCP goes by UDP. */
  fellBack(): void;
}

/** One server that queries are forwarded to, with its sockets, connections and health. Opens nothing before the first query. */
export class Upstream {
  /** `ADDRESS:PORT`, the label `to` of its metrics. */
  readonly text: string;
  readonly health: Health;
  readonly #isTls: boolean;
  readonly #deadlines: DeadlineList;
  readonly #udp: UdpExchanger;
  readonly #stream: StreamExchanger;
  readonly #fallback: FallbackExchanger | null;

  /** `openLink`: how its UDP sockets are opened; left out: by dgram. */
  constructor(
    endpoint: Endpoint,
    options: UpstreamOptions,
    metrics: UpstreamMetrics,
    clock: Clock,
    openLink: OpenLink = openDgramLink,
  ) {
    this.text = endpointText(endpoint);
    this.#isTls = endpoint.tls !== null;
    this.#deadlines = new DeadlineList(options.readTimeoutMs, clock);
    const { expireMs, maxAgeMs, maxIdleConnections: maxIdle, health } = options;
    const shared = { deadlines: this.#deadlines, clock };
    const isFallback = options.isUdpFallback && !this.#isTls;
    this.#udp = new UdpExchanger(endpoint, {
      ...shared,
      limits: {
        lifetimeMs: maxAgeMs === 0 ? SOCKET_LIFETIME_MS : Math.min(SOCKET_LIFETIME_MS, maxAgeMs),
        expireMs,
        queries: SOCKET_QUERIES,
      },
      counters: metrics.pool('udp'),
      openLink,
    });
    const dialer = endpoint.tls === null ? tcpDialer(endpoint) : tlsDialer(endpoint, endpoint.tls);
    this.#stream = new StreamExchanger(endpoint, dialer, {
      ...shared,
      limits: {
        expireMs,
        maxAgeMs,
        maxIdle,
        maxConnections: options.maxConnections,
        connectMs: isFallback ? FALLBACK_CONNECT_MS : null,
      },
      counters: metrics.pool(this.#isTls ? 'tcp-tls' : 'tcp'),
    });
    this.#fallback = isFallback
      ? new FallbackExchanger(this.#stream, this.#udp, clock, () => metrics.fellBack())
      : null;
    const probe = dnsProbe(endpoint, health, clock);
    this.health = new Health(probe, health.intervalMs, () => metrics.healthCheckFailed());
  }

  /**
   * Sends a query (a whole message; its ID is chosen here) and tells `sink` how it went. Over TLS `isTcp` makes no difference.
   * `maxUdpOctets`: a larger UDP reply comes out empty with TC. `giveUpAtMs`: no connection is waited for after this.
   */
  ask(
    query: {
      readonly message: Buffer;
      readonly question: Question;
      readonly maxUdpOctets: number;
      readonly giveUpAtMs?: number;
    },
    isTcp: boolean,
    sink: ExchangeSink,
  ): void {
    const exchange = new Exchange(query.message, query.question, query.maxUdpOctets, sink, query.giveUpAtMs);
    if (isTcp || this.#isTls) (this.#fallback ?? this.#stream).send(exchange);
    else this.#udp.send(exchange);
  }

  /** Gives everything back at once; what is in flight fails. */
  close(): void {
    this.health.stop();
    this.#fallback?.close();
    this.#udp.close();
    this.#stream.close();
    this.#deadlines.close();
  }
}

/** Label `rcode`: CoreDNS has BADSIG for 16 and plain numbers for codes without a name. */
export const rcodeLabel = (rcode: number): string => {
  if (rcode === RCODE.BADVERS) return 'BADSIG';
  const name = rcodeName(rcode);
  return name.startsWith('RCODE') ? String(rcode) : name;
};
