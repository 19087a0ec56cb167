import type { Counter } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';

/** Why connections are closed, each a label in `docs/metrics.md`. */
export const CLOSE_REASONS = [
  'client',
  'idle',
  'slow',
  'bad_length',
  'unread',
  'memory',
  'limit',
  'client_limit',
  'stop',
] as const;
export type CloseReason = (typeof CLOSE_REASONS)[number];

/** What of a listener is told at each scrape. */
export interface TcpState {
  readonly connections: number;
  readonly inFlight: number;
  readonly bufferedOctets: number;
}

/** The metrics of TCP connections, added up over all listening addresses; CoreDNS has none like them. */
export class TcpMetrics {
  readonly accepted: Counter;
  readonly #closed: ReadonlyMap<CloseReason, Counter>;
  readonly #listeners = new Set<TcpState>();

  constructor(metrics: Metrics) {
    this.accepted = metrics
      .counter({ name: 'cluster_dns_tcp_accepted_total', help: 'TCP connections that were accepted.' })
      .at();
    const closed = metrics.counter({
      name: 'cluster_dns_tcp_closed_total',
      help: 'TCP connections that were closed, by the reason.',
      labels: ['reason'],
    });
    this.#closed = new Map(CLOSE_REASONS.map((reason) => [reason, closed.at(reason)]));
    const gauge = (name: string, help: string, of: (listener: TcpState) => number): void =>
      metrics
        .gauge({ name: `cluster_dns_tcp_${name}`, help })
        .at()
        .follow(() => [...this.#listeners].reduce((sum, listener) => sum + of(listener), 0));
    gauge('connections', 'Open TCP connections.', ({ connections }) => connections);
    gauge('queries_in_flight', 'Queries over TCP without a reply yet.', ({ inFlight }) => inFlight);
    gauge(
      'buffered_bytes',
      'Octets of queries that have not come whole and of replies that are not read.',
      ({ bufferedOctets }) => bufferedOctets,
    );
  }

  closed(reason: CloseReason): void {
    this.#closed.get(reason)?.add();
  }

  add(listener: TcpState): void {
    this.#listeners.add(listener);
  }

  remove(listener: TcpState): void {
    this.#listeners.delete(listener);
  }
}
