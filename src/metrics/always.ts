import { SLIM_TIME_BUCKETS } from './buckets.ts';
import type { Metrics } from './metrics.ts';

const COUNTERS: readonly (readonly [name: string, help: string])[] = [
  ['coredns_panics_total', 'Panics of plugins that were turned into SERVFAIL.'],
  ['coredns_forward_healthcheck_broken_total', 'Times that all upstreams of a forward were found unhealthy.'],
  ['coredns_forward_max_concurrent_rejects_total', 'Queries refused because max_concurrent were on their way.'],
  ['coredns_health_request_failures_total', 'Times that the health endpoint did not answer its own poll.'],
  ['coredns_reload_failed_total', 'Reloads that failed.'],
  ['coredns_local_localhost_requests_total', 'Queries for localhost below another name.'],
];

/**
 * Declares the metrics without labels that CoreDNS exposes from its start, at 0, whichever plugins are configured: alerts take a
 * missing series for a missing server.
 */
export const declareAlways = (metrics: Metrics): void => {
  for (const [name, help] of COUNTERS) metrics.counter({ name, help });
  metrics.gauge({ name: 'coredns_hosts_reload_timestamp_seconds', help: 'When the hosts file was last read.' });
  metrics.histogram({
    name: 'coredns_health_request_duration_seconds',
    help: 'Seconds that the own poll of the health endpoint took.',
    buckets: SLIM_TIME_BUCKETS,
  });
};
