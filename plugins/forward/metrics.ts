import type { Counter, Histogram } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { PoolCounters } from '#upstream/exchange-udp.ts';
import { rcodeLabel, type UpstreamMetrics } from '#upstream/upstream.ts';

const PROXY_NAME = 'forward';
/** 0.25 ms doubled up to 8.192 s: CoreDNS's `plugin.TimeBuckets`. */
const TIME_BUCKETS = Array.from({ length: 16 }, (_, k) => 0.00025 * 2 ** k);

const families = (metrics: Metrics) => ({
  healthCheckBroken: metrics.counter({
    name: 'coredns_forward_healthcheck_broken_total',
    help: 'Counter of the number of complete failures of the healthchecks.',
  }),
  rejected: metrics.counter({
    name: 'coredns_forward_max_concurrent_rejects_total',
    help: 'Counter of the number of queries rejected because the concurrent queries were at maximum.',
  }),
  duration: metrics.histogram({
    name: 'coredns_proxy_request_duration_seconds',
    help: 'Histogram of the time each request took.',
    labels: ['proxy_name', 'to', 'rcode'],
    buckets: TIME_BUCKETS,
  }),
  healthCheckFailures: metrics.counter({
    name: 'coredns_proxy_healthcheck_failures_total',
    help: 'Counter of the number of failed healthchecks.',
    labels: ['proxy_name', 'to'],
  }),
  hits: metrics.counter({
    name: 'coredns_proxy_conn_cache_hits_total',
    help: 'Counter of connection cache hits per upstream and protocol.',
    labels: ['proxy_name', 'to', 'proto'],
  }),
  misses: metrics.counter({
    name: 'coredns_proxy_conn_cache_misses_total',
    help: 'Counter of connection cache misses per upstream and protocol.',
    labels: ['proxy_name', 'to', 'proto'],
  }),
});

/** What forward counts. A series with labels appears when it first counts something, as in CoreDNS. */
export class ForwardMetrics {
  readonly #families: ReturnType<typeof families>;
  readonly healthCheckBroken: Counter;
  readonly rejected: Counter;

  constructor(metrics: Metrics) {
    this.#families = families(metrics);
    this.healthCheckBroken = this.#families.healthCheckBroken.at();
    this.rejected = this.#families.rejected.at();
  }

  /** The counters of one upstream. */
  upstream(to: string): UpstreamMetrics {
    const { hits, misses, healthCheckFailures } = this.#families;
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
        };
      },
      healthCheckFailed: () => healthCheckFailures.at(PROXY_NAME, to).add(),
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
