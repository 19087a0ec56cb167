import { systemClock } from '#kube/api/clock.ts';
import type { KubeObject } from '#kube/source.ts';
import { readStateFile } from '#kube/state/read-state.ts';
import { StateWriter } from '#kube/state/state-writer.ts';
import { writeStateFile } from '#kube/state/write-state.ts';
import { durationText } from '#log/duration-text.ts';
import type { Log } from '#log/log.ts';
import type { Services } from '#plugin/index.ts';
import type { SharedCluster } from './shared-cluster.ts';
import { StateMetrics } from './state-metrics.ts';

export interface ClusterStateOptions {
  readonly file: string;
  /** What the state is of, as `clusterIdentity` gives it. */
  readonly identity: string;
  readonly cluster: SharedCluster;
  readonly services: Services;
  readonly log: Log;
}

/** Directives with the same key share one `ClusterState`. */
export const stateKey = (clusterKey: string, file: string): string => `state ${file} of ${clusterKey}`;

/**
 * Keeps a cluster in a file, and takes it from there while the cluster is away at the start. The file is read only then: where the
 * cluster can be listed nothing of it is ever answered, and it costs the start nothing.
 */
export class ClusterState {
  readonly #options: ClusterStateOptions;
  readonly #metrics: StateMetrics;
  readonly #writer: StateWriter;
  readonly #unobserve: () => void;
  #restored: Promise<boolean> | null = null;
  #isInUse = false;

  constructor(options: ClusterStateOptions) {
    this.#options = options;
    const { cluster, file, log, services } = options;
    this.#metrics = new StateMetrics(services.metrics, file, () => cluster.isRestored);
    const { written, failed } = this.#metrics;
    const write = (): Promise<void> => this.#write();
    this.#writer = new StateWriter({ clock: systemClock, log, file, write, written, failed });
    this.#unobserve = cluster.observe({
      changed: () => this.#writer.changed(),
      away: () => void this.restore(),
      synced: () => this.#synced(),
    });
    // It may have been there before its state was asked for.
    if (cluster.isSynced) this.#writer.begin();
    else if (cluster.isAway) void this.restore();
  }

  /** Takes the cluster from the file, unless it is known. Resolves to whether it is known then; never rejects. */
  restore(): Promise<boolean> {
    this.#restored ??= this.#restore();
    return this.#restored;
  }

  /** Writes what is new, and stops. */
  async close(): Promise<void> {
    this.#unobserve();
    await this.#writer.close();
    this.#metrics.remove();
  }

  async #restore(): Promise<boolean> {
    const { cluster, file, identity, log, services } = this.#options;
    if (cluster.isUsable) return true;
    const loaded = await readStateFile(file, identity);
    if (cluster.isUsable) return true;
    if (loaded.kind === 'state') {
      const { objects, header, bytes } = loaded;
      const ageMs = Math.max(0, services.clock.wallMs() - header.savedAtMs);
      await cluster.restore(objects);
      if (!cluster.isRestored) return cluster.isUsable;
      this.#isInUse = true;
      this.#metrics.loaded(bytes, header.savedAtMs, ageMs);
      log.warning(
        `answering from ${file}, the cluster as it was ${shortDuration(ageMs)} ago (${countsOf(objects)}), until it can be listed; ` +
          'names that are not in it get SERVFAIL',
      );
    } else if (loaded.kind === 'unusable') log.warning(`the state in ${file} is not used: ${loaded.reason}`);
    else log.warning(`there is no state in ${file}`);
    return cluster.isUsable;
  }

  #synced(): void {
    const { file, log } = this.#options;
    if (this.#isInUse) log.info(`the cluster has been listed, and is no longer taken from ${file}`);
    this.#isInUse = false;
    this.#writer.begin();
  }

  async #write(): Promise<void> {
    const { cluster, file, identity, services } = this.#options;
    const savedAtMs = services.clock.wallMs();
    const bytes = await writeStateFile(file, { cluster: identity, savedAtMs }, cluster.objects());
    this.#metrics.saved(bytes, savedAtMs);
  }
}

const shortDuration = (ms: number): string => durationText(Math.round(ms / 1000) * 1000);

/** `2 Services, 1 Namespaces`. */
const countsOf = (objects: readonly KubeObject[]): string => {
  const counts = new Map<string, number>();
  for (const { kind } of objects) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts.size === 0 ? 'empty' : [...counts].map(([kind, count]) => `${count} ${kind}s`).join(', ');
};
