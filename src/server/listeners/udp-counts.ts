import type { Counter, CounterFamily, Gauge, GaugeFamily, ObservedCounterFamily } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import { COUNT, COUNTS, type CountName } from './batch/thread-start.ts';

/** Counters by thread: suffix of the name, what is counted, help. */
const BY_THREAD: readonly (readonly [suffix: string, what: CountName, help: string])[] = [
  ['received_total', 'received', 'Datagrams that the thread took from its sockets.'],
  ['remembered_total', 'remembered', 'Queries that the thread answered from its memory.'],
  ['handed_over_total', 'handed', 'Queries that the thread handed over to the main thread.'],
  ['dropped_total', 'dropped', 'Queries dropped because the main thread was too far behind.'],
  ['limited_total', 'limited', 'Queries that were above the limit of their source.'],
  ['send_failures_total', 'sendFailures', 'Replies of the thread that the kernel would not send.'],
  ['batches_total', 'batches', 'System calls that brought at least one datagram.'],
];

/** What waits between a thread and main. */
export interface ThreadLevels {
  /** Queries of the thread without a reply yet. */
  inFlight(): number;
  /** Octets of queries that wait for main, and of replies that wait to be remembered. */
  queryOctets(): number;
  replyOctets(): number;
  /** Repeatable replies that there was no room for. */
  untaught(): number;
}

/** What threads count of UDP, by their number; 0 is main, which takes queries itself where dgram serves. Counts outlive the thread. */
export class UdpCounts {
  readonly #counters: readonly { readonly family: ObservedCounterFamily; readonly what: CountName }[];
  readonly #memory: GaugeFamily;
  readonly #inFlight: GaugeFamily;
  readonly #rings: GaugeFamily;
  readonly #untaught: ObservedCounterFamily;
  readonly #outdated: CounterFamily;
  readonly #counts: Float64Array[] = [];

  constructor(metrics: Metrics) {
    const labels = ['thread'];
    const gauge = (name: string, help: string, more: readonly string[] = []): GaugeFamily =>
      metrics.gauge({ name: `cluster_dns_udp_${name}`, help, labels: [...labels, ...more] });
    const counter = (suffix: string, help: string): ObservedCounterFamily =>
      metrics.observedCounter({ name: `cluster_dns_udp_${suffix}`, help, labels });
    this.#counters = BY_THREAD.map(([suffix, what, help]) => ({ family: counter(suffix, help), what }));
    this.#memory = gauge('memory_bytes', 'Octets of replies that the thread remembers, about.');
    this.#inFlight = gauge('queries_in_flight', 'Queries of the thread that the main thread has not answered yet.');
    this.#rings = gauge('ring_bytes', 'Octets that wait between the thread and the main thread.', ['ring']);
    this.#outdated = metrics.counter({
      name: 'cluster_dns_udp_outdated_total',
      help: 'Queries handed over that the main thread dropped because they had waited for too long.',
      labels,
    });
    this.#untaught = counter(
      'untaught_total',
      'Replies not remembered because too many waited for the thread already.',
    );
  }

  /** Queries that main came to too late. */
  outdated(number: number): Counter {
    return this.#outdated.at(String(number));
  }

  /** The counts of a thread, in shared memory, by `COUNT`. */
  of(number: number): Float64Array {
    const known = this.#counts[number];
    if (known !== undefined) return known;
    const counts = new Float64Array(new SharedArrayBuffer(8 * COUNTS));
    this.#counts[number] = counts;
    for (const { family, what } of this.#counters)
      family.at(String(number)).follow(() => counts[COUNT[what]] as number);
    // Main has its memories elsewhere.
    if (number > 0) this.memory(number).follow(() => counts[COUNT.memoryOctets] as number);
    return counts;
  }

  memory(number: number): Gauge {
    return this.#memory.at(String(number));
  }

  inFlight(number: number): Gauge {
    return this.#inFlight.at(String(number));
  }

  followLevels(number: number, levels: ThreadLevels): void {
    const thread = String(number);
    this.inFlight(number).follow(() => levels.inFlight());
    this.#rings.at(thread, 'queries').follow(() => levels.queryOctets());
    this.#rings.at(thread, 'replies').follow(() => levels.replyOctets());
    this.outdated(number);
    this.#untaught.at(thread).follow(() => levels.untaught());
  }
}
