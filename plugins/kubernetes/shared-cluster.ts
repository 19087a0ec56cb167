import type { Change, ClusterSource, SourceEvents } from '#kube/source.ts';
import { ClusterStore } from '#kube/store.ts';
import type { Services } from '#plugin/index.ts';
import { ProgrammingLatency } from './programming-latency.ts';

/**
 * One cluster's data, kept up to date by a source. It belongs to the process: blocks and configurations with the same connection
 * and filters share it, so a reload lists nothing anew.
 */
export class SharedCluster {
  readonly store: ClusterStore;
  /** Slot of "is the data complete". */
  readonly syncSlot: number;
  /** The shared value that holds the zone's serial, for remembered replies with an SOA; -1 where there is none to be had. */
  readonly serialValue: number;
  readonly #source: ClusterSource;
  readonly #services: Services;
  /** Sets the dependencies of several clusters apart. */
  readonly #prefix: string;
  readonly #latency: ProgrammingLatency;
  readonly #waiting = new Set<() => void>();

  /** `key` tells clusters apart. The source is started at once. */
  constructor(key: string, source: ClusterSource, services: Services) {
    const { clock, generations } = services;
    this.#source = source;
    this.#services = services;
    this.#prefix = `${generations.slotOf(key).toString(36)}/`;
    this.store = new ClusterStore(() => Math.floor(clock.wallMs() / 1000));
    this.syncSlot = this.slotOf('sync');
    this.serialValue = generations.allocateValue();
    this.#latency = new ProgrammingLatency(services);
    const events: SourceEvents = { change: (change) => this.#apply(change), synced: () => this.#synced() };
    source.start(events);
  }

  get isSynced(): boolean {
    return this.#source.isSynced();
  }

  /** Slot of a dependency key of the store. */
  slotOf(key: string): number {
    return this.#services.generations.slotOf(this.#prefix + key);
  }

  /** Calls `done` once the data is complete, at once where it is; gives a function that takes the wish back. */
  onSynced(done: () => void): () => void {
    if (this.isSynced) {
      done();
      return () => undefined;
    }
    this.#waiting.add(done);
    return () => void this.#waiting.delete(done);
  }

  /** Ends the source; the store stays as it is. */
  async close(): Promise<void> {
    this.#waiting.clear();
    await this.#source.stop();
  }

  /** The new data and the new generations are seen together: nothing runs between them. */
  #apply(change: Change): void {
    const trigger = this.#latency.before(this.store, change);
    const { generations } = this.#services;
    const touched = this.store.apply(change);
    for (const key of touched) generations.bump(this.slotOf(key));
    // After that: a thread must not put the new serial into an answer that the change has replaced.
    generations.setValue(this.serialValue, this.store.modifiedAt);
    if (trigger !== null) this.#latency.after(this.store, trigger);
  }

  #synced(): void {
    if (!this.isSynced) return;
    this.#services.generations.bump(this.syncSlot);
    for (const done of this.#waiting) done();
    this.#waiting.clear();
  }
}
