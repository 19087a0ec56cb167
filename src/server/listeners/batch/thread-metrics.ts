import type { Counter, Gauge } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';

/** The metrics of listener threads together; CoreDNS has none like them. What each counts is in `UdpCounts`. */
export class ThreadMetrics {
  readonly threads: Gauge;
  readonly drops: Gauge;
  readonly restarts: Counter;
  /** Replies of the main thread that could not be sent. */
  readonly sendFailures: Counter;

  constructor(metrics: Metrics) {
    this.drops = metrics
      .observedCounter({
        name: 'cluster_dns_udp_receive_buffer_drops_total',
        help: 'Datagrams that the kernel dropped because a receive buffer was full.',
      })
      .at();
    this.restarts = metrics
      .counter({ name: 'cluster_dns_udp_thread_restarts_total', help: 'Listener threads that died and were replaced.' })
      .at();
    this.sendFailures = metrics
      .counter({
        name: 'cluster_dns_udp_main_send_failures_total',
        help: 'Replies of the main thread that the kernel would not send.',
      })
      .at();
    this.threads = metrics.gauge({ name: 'cluster_dns_udp_threads', help: 'Listener threads.' }).at();
  }
}
