import { turns } from '#kube/api/turns.ts';
import type { Change, ClusterSource, KubeObject, SourceEvents } from '#kube/source.ts';
import { ClusterStore } from '#kube/store.ts';
import type { Services } from '#plugin/index.ts';
import { ProgrammingLatency } from './programming-latency.ts';
import { serialClock } from './serial-clock.ts';

/** Is told what becomes of a cluster. */
export interface ClusterObserver {
  /** Some object is new, different or gone. */
  changed(): void;
  /** The cluster can't be listed. Told at most once, and not after the first sync. */
  away(): void;
  /** The data is complete: told once. */
  synced(): void;
}

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
  readonly #observers = new Set<ClusterObserver>();
  #isAway = false;
  #isRestoring = false;
  #hasRestored = false;

  /** `key` tells clusters apart. The source is started at once. */
  constructor(key: string, source: ClusterSource, services: Services) {
    const { clock, generations } = services;
    this.#source = source;
    this.#services = services;
    this.#prefix = `${generations.slotOf(key).toString(36)}/`;
    this.store = new ClusterStore(serialClock(clock));
    this.syncSlot = this.slotOf('sync');
    this.serialValue = generations.allocateValue();
    this.#latency = new ProgrammingLatency(services);
    const events: SourceEvents = {
      change: (change) => this.#apply(change),
      synced: () => this.#synced(),
      away: () => this.#away(),
    };
    source.start(events);
  }

  get isSynced(): boolean {
    return this.#source.isSynced();
  }

  /** True where answers are those of a state file: until the first sync. */
  get isRestored(): boolean {
    return this.#hasRestored && !this.isSynced;
  }

  /** True where the whole cluster is known, as it is or as it was: a server with it may be asked. */
  get isUsable(): boolean {
    return this.isSynced || this.isRestored;
  }

  /** True where the cluster could not be listed, before the first sync. */
  get isAway(): boolean {
    return this.#isAway && !this.isSynced;
  }

  /** Slot of a dependency key of the store. */
  slotOf(key: string): number {
    return this.#services.generations.slotOf(this.#prefix + key);
  }

  /** Calls `done` once the cluster can be answered for, at once where it can; gives a function that takes the wish back. */
  onUsable(done: () => void): () => void {
    if (this.isUsable) {
      done();
      return () => undefined;
    }
    this.#waiting.add(done);
    return () => void this.#waiting.delete(done);
  }

  /** Tells an observer what happens from now on; gives a function that ends it. */
  observe(observer: ClusterObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /** All that is known now, for a state file. */
  objects(): Iterable<KubeObject> {
    return this.#source.objects?.() ?? [];
  }

  /** Takes over what a state file knew, in turns of the event loop. What has been listed meanwhile is newer, and stays. */
  async restore(objects: Iterable<KubeObject>): Promise<void> {
    for (const object of objects) {
      if (this.isSynced) return;
      this.#isRestoring = true;
      this.#source.restore?.(object);
      this.#isRestoring = false;
      while (turns.isOver()) await turns.next();
    }
    this.#hasRestored = true;
    this.#tellWaiting();
  }

  /** Ends the source; the store stays as it is. */
  async close(): Promise<void> {
    this.#waiting.clear();
    await this.#source.stop();
  }

  /** The new data and the new generations are seen together: nothing runs between them. */
  #apply(change: Change): void {
    // What was true before this server ran took no time to be served.
    const trigger = this.#isRestoring ? null : this.#latency.before(this.store, change);
    const { generations } = this.#services;
    const touched = this.store.apply(change);
    for (const key of touched) generations.bump(this.slotOf(key));
    // After that: a thread must not put the new serial into an answer that the change has replaced.
    generations.setValue(this.serialValue, this.store.modifiedAt);
    if (trigger !== null) this.#latency.after(this.store, trigger);
    for (const observer of this.#observers) observer.changed();
  }

  #synced(): void {
    if (!this.isSynced) return;
    this.#services.generations.bump(this.syncSlot);
    this.#tellWaiting();
    for (const observer of this.#observers) observer.synced();
  }

  #away(): void {
    this.#isAway = true;
    for (const observer of this.#observers) observer.away();
  }

  #tellWaiting(): void {
    for (const done of this.#waiting) done();
    this.#waiting.clear();
  }
}
