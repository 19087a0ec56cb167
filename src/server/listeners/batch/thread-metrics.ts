import type { Counter, Gauge, ObservedCounterFamily } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import { COUNT, COUNTS, type CountName } from './thread-start.ts';

/** Counters by thread: suffix of the name, what is counted, help. */
const BY_THREAD: readonly (readonly [suffix: string, what: CountName, help: string])[] = [
  ['received_total', 'received', 'Datagrams that the thread took from its sockets.'],
  ['remembered_total', 'remembered', 'Queries that the thread answered from its memory.'],
  ['handed_over_total', 'handed', 'Queries that the thread handed over to the main thread.'],
  ['dropped_total', 'dropped', 'Queries dropped because the main thread was too far behind.'],
  ['send_failures_total', 'sendFailures', 'Replies of the thread that the kernel would not send.'],
  ['batches_total', 'batches', 'System calls that brought at least one datagram.'],
];

/** The metrics of listener threads; CoreDNS has none like them. Counts belong to a thread's number, so they outlive the thread. */
export class ThreadMetrics {
  readonly threads: Gauge;
  readonly drops: Gauge;
  readonly restarts: Counter;
  /** Replies of the main thread that could not be sent. */
  readonly sendFailures: Counter;
  readonly #counters: readonly { readonly family: ObservedCounterFamily; readonly what: CountName }[];
  readonly #memory: (number: number) => Gauge;
  readonly #counts: Float64Array[] = [];

  constructor(metrics: Metrics) {
    const labels = ['thread'];
    const family = (suffix: string, help: string, own: readonly string[] = []): ObservedCounterFamily =>
      metrics.observedCounter({ name: `cluster_dns_udp_${suffix}`, help, labels: own });
    this.#counters = BY_THREAD.map(([suffix, what, help]) => ({ family: family(suffix, help, labels), what }));
    this.drops = family(
      'receive_buffer_drops_total',
      'Datagrams that the kernel dropped because a receive buffer was full.',
    ).at();
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
    const memory = metrics.gauge({
      name: 'cluster_dns_udp_memory_bytes',
      help: 'Octets of replies that the thread remembers, about.',
      labels,
    });
    this.#memory = (number) => memory.at(String(number));
  }

  /** The counts of a thread, in shared memory, by `COUNT`. */
  countsOf(number: number): Float64Array {
    const known = this.#counts[number];
    if (known !== undefined) return known;
    const counts = new Float64Array(new SharedArrayBuffer(8 * COUNTS));
    this.#counts[number] = counts;
    for (const { family, what } of this.#counters)
      family.at(String(number)).follow(() => counts[COUNT[what]] as number);
    this.#memory(number).follow(() => counts[COUNT.memoryOctets] as number);
    return counts;
  }
}
