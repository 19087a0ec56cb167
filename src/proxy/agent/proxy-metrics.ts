import type { Counter, Gauge, Histogram } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { ProxyMode, SyncReport } from '../rule-backend.ts';
import type { IpFamily } from '../rule-options.ts';

const PREFIX = 'kubeproxy_';
const SYNC_BUCKETS = Array.from({ length: 15 }, (_, i) => Number((0.001 * 2 ** i).toPrecision(12)));
const steps = (from: number, step: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + i * step);
/** kube-proxy's, with its 0. */
const PROGRAMMING_BUCKETS = [0, 0.25, 0.5, ...steps(1, 1, 59), ...steps(60, 5, 12), ...steps(120, 30, 7)];

type IptablesTable = 'nat' | 'filter';

/** Metrics of one family. */
export interface FamilyMetrics {
  synced(report: SyncReport, seconds: number): void;
  failed(wasFull: boolean): void;
  /** Seconds from a change in the cluster to its rules. */
  programmed(seconds: number): void;
  noLocalEndpoints(counts: { readonly internal: number; readonly external: number }): void;
  cleaned(flows: number, seconds: number): void;
}

/** Everything that kube-proxy counts, by its names. */
export class ProxyMetrics {
  readonly #metrics: Metrics;
  readonly #mode: ProxyMode;
  readonly #lastSynced: Gauge;
  readonly #lastQueued: Gauge;
  readonly #changes: Readonly<Record<'Service' | 'EndpointSlice', { readonly total: Counter; pending: number }>>;

  constructor(metrics: Metrics, mode: ProxyMode) {
    this.#metrics = metrics;
    this.#mode = mode;
    this.#lastSynced = this.#gauge(
      'sync_proxy_rules_last_timestamp_seconds',
      'When rules were last brought up to date.',
    );
    this.#lastQueued = this.#gauge(
      'sync_proxy_rules_last_queued_timestamp_seconds',
      'When a change last asked for it.',
    );
    this.#changes = { Service: this.#countChanges('service'), EndpointSlice: this.#countChanges('endpoint') };
  }

  /** A change of the cluster came. */
  changed(kind: string): void {
    if (kind !== 'Service' && kind !== 'EndpointSlice') return;
    this.#changes[kind].total.add();
    this.#changes[kind].pending++;
  }

  /** What had come is on its way to the kernel. */
  taken(): void {
    this.#changes.Service.pending = 0;
    this.#changes.EndpointSlice.pending = 0;
  }

  queued(wallMs: number): void {
    this.#lastQueued.set(wallMs / 1000);
  }

  synced(wallMs: number): void {
    this.#lastSynced.set(wallMs / 1000);
  }

  /** A reply of `/healthz` or `/livez`. */
  probed(what: 'healthz' | 'livez', status: number): void {
    this.#metrics
      .counter({ name: `${PREFIX}proxy_${what}_total`, help: `Replies of /${what} by code.`, labels: ['code'] })
      .at(String(status))
      .add();
  }

  family(family: IpFamily): FamilyMetrics {
    const ofFamily = (name: string, help: string, buckets = SYNC_BUCKETS): Histogram =>
      this.#metrics.histogram({ name: PREFIX + name, help, labels: ['ip_family'], buckets }).at(family);
    const duration = ofFamily('sync_proxy_rules_duration_seconds', 'Seconds that a sync took.');
    const programming = ofFamily(
      'network_programming_duration_seconds',
      'Seconds from a change of endpoints in the cluster to its rules.',
      PROGRAMMING_BUCKETS,
    );
    const local = this.#metrics.gauge({
      name: `${PREFIX}sync_proxy_rules_no_local_endpoints_total`,
      help: 'Service ports with endpoints, none of them on this node, whose policy is Local.',
      labels: ['traffic_policy', 'ip_family'],
    });
    const kinds =
      this.#mode === 'ipvs'
        ? null
        : {
            full: ofFamily('sync_full_proxy_rules_duration_seconds', 'Seconds that a full sync took.'),
            partial: ofFamily('sync_partial_proxy_rules_duration_seconds', 'Seconds that a partial sync took.'),
          };
    const failures = this.#failures();
    const conntrackSeconds = this.#metrics
      .histogram({
        name: `${PREFIX}conntrack_reconciler_sync_duration_seconds`,
        help: 'Seconds that looking for stale flows took.',
        buckets: SYNC_BUCKETS,
      })
      .at();
    const conntrackDeleted = this.#counter(
      'conntrack_reconciler_deleted_entries_total',
      'Stale flows that were ended.',
    );
    return {
      synced: (report, seconds) => {
        duration.observe(seconds);
        kinds?.[report.kind].observe(seconds);
        failures.cleanUp?.add(report.cleanUpFailures ?? 0);
        for (const table of ['nat', 'filter'] as const) this.#countRules(table, family, report);
      },
      failed: (wasFull) => {
        failures.all.add();
        if (!wasFull) failures.partial?.add();
      },
      programmed: (seconds) => programming.observe(Math.max(0, seconds)),
      noLocalEndpoints: ({ internal, external }) => {
        local.at('internal', family).set(internal);
        local.at('external', family).set(external);
      },
      cleaned: (flows, seconds) => {
        conntrackSeconds.observe(seconds);
        conntrackDeleted.add(flows);
      },
    };
  }

  #countRules(table: IptablesTable, family: IpFamily, { tables }: SyncReport): void {
    if (tables === undefined) return;
    const gauge = (name: string, help: string): Gauge =>
      this.#metrics.gauge({ name: PREFIX + name, help, labels: ['table', 'ip_family'] }).at(table, family);
    gauge('sync_proxy_rules_iptables_total', 'Rules in the kernel.').set(tables[table].rules);
    gauge('sync_proxy_rules_iptables_last', 'Rules that the last sync wrote.').set(tables[table].written);
  }

  #failures(): { readonly all: Counter; readonly partial?: Counter; readonly cleanUp?: Counter } {
    if (this.#mode === 'nftables') {
      return {
        all: this.#counter('sync_proxy_rules_nftables_sync_failures_total', 'Syncs that failed.'),
        cleanUp: this.#counter(
          'sync_proxy_rules_nftables_cleanup_failures_total',
          'Times that old chains could not be removed.',
        ),
      };
    }
    return {
      all: this.#counter('sync_proxy_rules_iptables_restore_failures_total', 'Syncs that failed.'),
      partial: this.#counter('sync_proxy_rules_iptables_partial_restore_failures_total', 'Partial syncs that failed.'),
    };
  }

  #countChanges(what: string): { readonly total: Counter; pending: number } {
    const changes = {
      total: this.#counter(`sync_proxy_rules_${what}_changes_total`, `Changes of ${what}s seen.`),
      pending: 0,
    };
    this.#gauge(`sync_proxy_rules_${what}_changes_pending`, `Changes of ${what}s that wait for a sync.`).follow(
      () => changes.pending,
    );
    return changes;
  }

  #gauge(name: string, help: string): Gauge {
    return this.#metrics.gauge({ name: PREFIX + name, help }).at();
  }

  #counter(name: string, help: string): Counter {
    return this.#metrics.counter({ name: PREFIX + name, help }).at();
  }
}
