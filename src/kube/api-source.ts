import type { Log } from '#log/log.ts';
import { WORK_BUCKETS } from '#metrics/buckets.ts';
import type { Metrics } from '#metrics/metrics.ts';
import { ApiClient } from './api/client.ts';
import { type Clock, systemClock } from './api/clock.ts';
import { type ApiConnection, openConnection } from './api/connection.ts';
import type { KnownObjects } from './api/known-objects.ts';
import { Reflector } from './api/reflector.ts';
import { watchedResources } from './api/resource.ts';
import { type Meanwhile, Staleness } from './api/staleness.ts';
import type { ClusterSource, Kind, KubeObject, SourceEvents, SourceFilter } from './source.ts';

export type { ApiConnection } from './api/connection.ts';

export interface ApiSourceOptions {
  readonly connection: ApiConnection;
  readonly filter: SourceFilter;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly userAgent: string;
  readonly random: () => number;
  /** What the user does while the API server is away, for the log; that of DNS unless it is given. */
  readonly meanwhile?: Meanwhile;
  /** What the names of the requests' metrics begin with; CoreDNS's prefix unless it is given. */
  readonly metricPrefix?: string;
  readonly clock?: Clock;
  /** Where a Pod's `/var/run/secrets/...` is looked for; for tests. */
  readonly serviceAccountRoot?: string;
}

/** Once may be a connection that the server closed in that moment; the second try comes a second later. */
const FAILURES_OF_AWAY = 2;

/** Cluster data from an API server: one list and watch for each kind, side by side, until it is stopped. */
export class ApiSource implements ClusterSource {
  readonly #options: ApiSourceOptions;
  readonly #stopping = new AbortController();
  readonly #awaited: Set<Kind>;
  readonly #known = new Map<Kind, KnownObjects>();
  #isAway = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ApiSourceOptions) {
    this.#options = options;
    this.#awaited = new Set(watchedResources(options.filter).map((resource) => resource.kind));
  }

  start(events: SourceEvents): void {
    const { connection, filter, log, metrics, userAgent, random, clock = systemClock } = this.#options;
    const connector = openConnection(connection, this.#options.serviceAccountRoot);
    const client = new ApiClient({ connector, metrics, userAgent, clock, metricPrefix: this.#options.metricPrefix });
    const apply = metrics.histogram({
      name: 'cluster_dns_kubernetes_event_apply_seconds',
      help: 'Time from reading the octets of a watch event to its being served.',
      labels: ['kind'],
      buckets: WORK_BUCKETS,
    });
    const followed = new Staleness({ metrics, log, clock, meanwhile: this.#options.meanwhile });
    const reflectors = watchedResources(filter).map((resource) => {
      const synced = (): void => {
        this.#awaited.delete(resource.kind);
        events.synced(resource.kind);
      };
      let failures = 0;
      const listFailed = (): void => {
        if (++failures >= FAILURES_OF_AWAY && this.#awaited.has(resource.kind)) this.#away(events);
      };
      const change = events.change.bind(events);
      const seconds = apply.at(resource.kind);
      const applied = (ms: number): void => seconds.observe(ms / 1000);
      const staleness = followed.follow(resource);
      const told = { change, synced, applied, staleness, listFailed };
      const reflector = new Reflector({ client, resource, clock, random, log, ...told });
      this.#known.set(resource.kind, reflector.known);
      return reflector;
    });
    const { signal } = this.#stopping;
    this.#running = Promise.all(reflectors.map((reflector) => reflector.run(signal))).then(() => {
      followed.end();
      client.close();
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  isSynced(): boolean {
    return this.#awaited.size === 0;
  }

  *objects(): Generator<KubeObject> {
    for (const [kind, known] of this.#known) if (kind !== 'Namespace') yield* known.objects();
    // Nothing in a Namespace is answered before the Namespace is there: whoever restores it has its names whole.
    yield* this.#known.get('Namespace')?.objects() ?? [];
  }

  restore(object: KubeObject): void {
    this.#known.get(object.kind)?.restore(object);
  }

  #away(events: SourceEvents): void {
    if (this.#isAway) return;
    this.#isAway = true;
    events.away?.();
  }
}
