import { randomFillSync } from 'node:crypto';
import { Additions } from '#metrics/cells.ts';
import type { Counter } from '#metrics/families.ts';
import type { Services, SourceLimit } from '#plugin/index.ts';
import { PrefixTable } from './prefix-table.ts';
import { LIMIT_OCTETS, randomPart, type SharedLimit } from './source-limiter.ts';

/** The limit of one listening address over reloads: what sources have had is forgotten only where the limit changes. */
export class LimitKeeper {
  readonly #services: Pick<Services, 'metrics' | 'clock'>;
  #current: SharedLimit | null = null;

  constructor(services: Pick<Services, 'metrics' | 'clock'>) {
    this.#services = services;
  }

  get current(): SharedLimit | null {
    return this.#current;
  }

  /** Makes this the limit; false where it was that already. `label`: the address in metrics. */
  change(limit: SourceLimit | null, label: string): boolean {
    if (JSON.stringify(limit) === JSON.stringify(this.#current?.limit ?? null)) return false;
    this.#current = limit === null ? null : this.#share(limit, label);
    return true;
  }

  #share(limit: SourceLimit, label: string): SharedLimit {
    const { metrics, clock } = this.#services;
    const shared = new SharedArrayBuffer(LIMIT_OCTETS);
    // No shared memory is taken where random octets are made.
    randomPart(shared).set(randomFillSync(new Uint32Array(randomPart(shared).length)));
    new PrefixTable(shared, limit).clear(clock.monotonicMs());
    const counter = (result: string, help: string): number =>
      cellOf(metrics.counter({ name: `cluster_dns_source_limit_${result}_total`, help, labels: ['server'] }).at(label));
    return {
      limit,
      shared,
      cells: [
        counter('dropped', 'Queries over UDP above the limit of their source that got no reply.'),
        counter('slipped', 'Queries over UDP above the limit of their source that were told to come back over TCP.'),
      ],
    };
  }
}

const cellOf = (counter: Counter): number => {
  const additions = new Additions();
  counter.note(additions);
  return additions.cells[0] ?? -1;
};
