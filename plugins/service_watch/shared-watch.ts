import type { Kind } from '#kube/source.ts';
import type { CounterFamily } from '#metrics/families.ts';
import type { Services } from '#plugin/index.ts';
import { EchoBumps } from './echo-bumps.ts';

/** What is watched with: `NameWatch`, or what a test puts in its place. */
export interface Watch {
  start(events: { changed(kind: Kind, slots: readonly number[]): void; synced(kind: Kind): void }): void;
  stop(): Promise<void>;
}

/** The watch of one cluster, which all server blocks and configurations with the same connection share. */
export class SharedWatch {
  /** Slot of "from here on changes are heard of". */
  readonly syncSlot: number;
  readonly #watch: Watch;
  readonly #bumps: EchoBumps;
  readonly #changes: CounterFamily;
  readonly #services: Services;
  readonly #prefix: string;

  /** `key` tells clusters apart. The watch is started at once. */
  constructor(key: string, open: (slotOf: (key: string) => number) => Watch, services: Services) {
    const { generations, metrics } = services;
    this.#services = services;
    this.#prefix = `${generations.slotOf(key).toString(36)}/`;
    this.#bumps = new EchoBumps(generations);
    this.#changes = metrics.counter({
      name: 'cluster_dns_service_watch_changes_total',
      help: 'Changes of objects for which replies to their names were dropped.',
      labels: ['kind'],
    });
    this.syncSlot = this.slotOf('sync');
    this.#watch = open((name) => this.slotOf(name));
    this.#watch.start({
      changed: (kind, slots) => {
        this.#changes.at(kind).add();
        this.#bumps.bump(slots);
      },
      // What changed before was not told.
      synced: () => this.#bumps.bump([this.syncSlot]),
    });
  }

  slotOf(key: string): number {
    return this.#services.generations.slotOf(this.#prefix + key);
  }

  async close(): Promise<void> {
    this.#bumps.stop();
    await this.#watch.stop();
  }
}
