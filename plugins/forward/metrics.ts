import { TIME_BUCKETS } from '#metrics/buckets.ts';
import type { Counter, Gauge, Histogram } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { PoolCounters } from '#upstream/exchange-udp.ts';
import { rcodeLabel, type UpstreamMetrics } from '#upstream/upstream.ts';

const PROXY_NAME = 'forward';

const families = (metrics: Metrics) => ({
  healthCheckBroken: metrics.counter({
    name: 'coredns_forward_healthcheck_broken_total',
    help: 'Times that all upstreams of a forward were found unhealthy.',
  }),
  rejected: metrics.counter({
    name: 'coredns_forward_max_concurrent_rejects_total',
    help: 'Queries refused because too many were on their way.',
  }),
  inFlight: metrics.gauge({
    name: 'cluster_dns_forward_in_flight',
    help: 'Queries that wait for upstreams, of all forwards.',
  }),
  ignored: metrics.counter({
    name: 'cluster_dns_forward_ignored_replies_total',
    help: 'Messages from an upstream that were not taken for a reply.',
    labels: ['to', 'proto', 'reason'],
  }),
  fallbacks: metrics.counter({
    name: 'cluster_dns_forward_udp_fallbacks_total',
    help: 'Queries that went by UDP because no TCP connection could be had.',
    labels: ['to'],
  }),
  duration: metrics.histogram({
    name: 'coredns_proxy_request_duration_seconds',
    help: 'Seconds that an upstream took for a query.',
    labels: ['proxy_name', 'to', 'rcode'],
    buckets: TIME_BUCKETS,
  }),
  healthCheckFailures: metrics.counter({
    name: 'coredns_proxy_healthcheck_failures_total',
    help: 'Probes of an upstream that got no answer.',
    labels: ['proxy_name', 'to'],
  }),
  hits: metrics.counter({
    name: 'coredns_proxy_conn_cache_hits_total',
    help: 'Queries sent over a connection or socket that was open already.',
    labels: ['proxy_name', 'to', 'proto'],
  }),
  misses: metrics.counter({
    name: 'coredns_proxy_conn_cache_misses_total',
    help: 'Queries for which a connection or socket was opened.',
    labels: ['proxy_name', 'to', 'proto'],
  }),
});

/** What forward counts. A series with labels appears when it first counts something, as in CoreDNS. */
export class ForwardMetrics {
  readonly #families: ReturnType<typeof families>;
  readonly healthCheckBroken: Counter;
  readonly rejected: Counter;
  readonly inFlight: Gauge;

  constructor(metrics: Metrics) {
    this.#families = families(metrics);
    this.healthCheckBroken = this.#families.healthCheckBroken.at();
    this.rejected = this.#families.rejected.at();
    this.inFlight = this.#families.inFlight.at();
  }

  /** The counters of one upstream. */
  upstream(to: string): UpstreamMetrics {
    const { hits, misses, ignored, healthCheckFailures, fallbacks } = this.#families;
    return {
      pool: (protocol): PoolCounters => {
        let hit: Counter | null = null;
        let missed: Counter | null = null;
        return {
          hit: () => {
            hit ??= hits.at(PROXY_NAME, to, protocol);
            hit.value++;
          },
          missed: () => {
            missed ??= misses.at(PROXY_NAME, to, protocol);
            missed.value++;
          },
          ignored: (reason) => ignored.at(to, protocol, reason).add(),
        };
      },
      healthCheckFailed: () => healthCheckFailures.at(PROXY_NAME, to).add(),
      fellBack: () => fallbacks.at(to).add(),
    };
  }

  /** Durations of one upstream's exchanges, by RCODE. */
  durations(to: string): Durations {
    const { duration } = this.#families;
    return new Durations((rcode) => duration.at(PROXY_NAME, to, rcodeLabel(rcode)));
  }
}

/** A histogram for each RCODE, looked up once. */
export class Durations {
  readonly #make: (rcode: number) => Histogram;
  readonly #byRcode = new Map<number, Histogram>();

  constructor(make: (rcode: number) => Histogram) {
    this.#make = make;
  }

  observe(rcode: number, seconds: number): void {
    let histogram = this.#byRcode.get(rcode);
    if (histogram === undefined) {
      histogram = this.#make(rcode);
      this.#byRcode.set(rcode, histogram);
    }
    histogram.observe(seconds);
  }
}
