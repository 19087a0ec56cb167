import { type Followed, type FollowOptions, followKinds } from './api/follow-kinds.ts';
import { watchedResources } from './api/resource.ts';
import type { ClusterSource, Kind, KubeObject, SourceEvents, SourceFilter } from './source.ts';

export type { ApiConnection } from './api/connection.ts';

export interface ApiSourceOptions extends FollowOptions {
  readonly filter: SourceFilter;
}

/** Once may be a connection that the server closed in that moment; the second try comes a second later. */
const FAILURES_OF_AWAY = 2;

/** Cluster data from an API server: one list and watch for each kind, side by side, until it is stopped. */
export class ApiSource implements ClusterSource {
  readonly #options: ApiSourceOptions;
  readonly #stopping = new AbortController();
  readonly #awaited: Set<Kind>;
  readonly #failures = new Map<Kind, number>();
  #followed: Followed<KubeObject> | null = null;
  #isAway = false;

  constructor(options: ApiSourceOptions) {
    this.#options = options;
    this.#awaited = new Set(watchedResources(options.filter).map((resource) => resource.kind));
  }

  start(events: SourceEvents): void {
    this.#followed = followKinds<KubeObject>(
      this.#options,
      watchedResources(this.#options.filter),
      {
        change: (change) => events.change(change),
        synced: (kind) => {
          this.#awaited.delete(kind);
          events.synced(kind);
        },
        listFailed: (kind) => {
          const failures = (this.#failures.get(kind) ?? 0) + 1;
          this.#failures.set(kind, failures);
          if (failures >= FAILURES_OF_AWAY && this.#awaited.has(kind)) this.#away(events);
        },
      },
      this.#stopping.signal,
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#followed?.ended;
  }

  isSynced(): boolean {
    return this.#awaited.size === 0;
  }

  *objects(): Generator<KubeObject> {
    const known = this.#followed?.known;
    for (const [kind, objects] of known ?? []) if (kind !== 'Namespace') yield* objects.objects();
    // Nothing in a Namespace is answered before the Namespace is there: whoever restores it has its names whole.
    yield* known?.get('Namespace')?.objects() ?? [];
  }

  restore(object: KubeObject): void {
    this.#followed?.known.get(object.kind)?.restore(object);
  }

  #away(events: SourceEvents): void {
    if (this.#isAway) return;
    this.#isAway = true;
    events.away?.();
  }
}
