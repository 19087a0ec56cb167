import { type Name, textFromName } from '#dns/name.ts';
import type { Counter, CounterFamily, GaugeFamily } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { RepeatedTally } from '#plugin/index.ts';

/** Which of the two stores. */
export type StoreName = 'success' | 'denial';

const LABELS = ['server', 'zones', 'view'];
const TYPE_LABELS = ['server', 'type', 'zones', 'view'];

/** The metric families of `cache` and its counters for each server and view. */
export class CacheMetrics {
  readonly zones: string;
  readonly entries: GaugeFamily;
  readonly requests: CounterFamily;
  readonly octets: GaugeFamily;
  readonly hits: CounterFamily;
  readonly misses: CounterFamily;
  readonly prefetches: CounterFamily;
  readonly drops: CounterFamily;
  readonly servedStale: CounterFamily;
  readonly evictions: CounterFamily;
  readonly #meters = new Map<string, Meters[]>();
  #last: Meters | null = null;

  constructor(metrics: Metrics, zones: readonly Name[]) {
    const counter = (name: string, help: string, labels = LABELS): CounterFamily =>
      metrics.counter({ name: `coredns_cache_${name}`, help, labels });
    this.zones = zones.map(textFromName).join(',');
    this.entries = metrics.gauge({
      name: 'coredns_cache_entries',
      help: 'Replies held now.',
      labels: TYPE_LABELS,
    });
    this.octets = metrics.gauge({
      name: 'cluster_dns_cache_bytes',
      help: 'Memory that the replies held now take, about.',
      labels: TYPE_LABELS,
    });
    this.requests = counter('requests_total', 'Queries looked up.');
    this.hits = counter('hits_total', 'Queries answered from what is held.', TYPE_LABELS);
    this.misses = counter('misses_total', 'Queries that went on to the next plugin; requests less hits.');
    this.prefetches = counter('prefetch_total', 'Replies asked for again before they ran out.');
    this.drops = counter('drops_total', 'Replies not kept because they do not fit their question.');
    this.servedStale = counter('served_stale_total', 'Queries answered with what had run out.');
    this.evictions = counter('evictions_total', 'Replies dropped for want of room.', TYPE_LABELS);
  }

  /** The counters for queries of this server and view. */
  of(server: string, view: string): Meters {
    const last = this.#last;
    if (last !== null && last.server === server && last.view === view) return last;
    let ofServer = this.#meters.get(server);
    if (ofServer === undefined) {
      ofServer = [];
      this.#meters.set(server, ofServer);
    }
    let meters = ofServer.find((each) => each.view === view);
    if (meters === undefined) {
      meters = new Meters(this, server, view);
      ofServer.push(meters);
    }
    this.#last = meters;
    return meters;
  }
}

/** Counters bound to their labels. A series appears when it first moves, as it does in CoreDNS. */
export class Meters {
  readonly server: string;
  readonly view: string;
  readonly requests: Counter;
  /** What a reply repeated from memory counts, for a hit in either store. */
  readonly tally: Readonly<Record<StoreName, RepeatedTally>>;
  /** The same for a miss of what is never kept. */
  readonly missTally: RepeatedTally;
  readonly #families: CacheMetrics;
  readonly #hits: Record<StoreName, Counter | null> = { success: null, denial: null };
  readonly #isFollowed: Record<StoreName, boolean> = { success: false, denial: false };
  readonly #evictions: Record<StoreName, Counter | null> = { success: null, denial: null };
  #misses: Counter | null = null;

  constructor(families: CacheMetrics, server: string, view: string) {
    this.#families = families;
    this.server = server;
    this.view = view;
    this.requests = families.requests.at(server, families.zones, view);
    const tallyOf = (store: StoreName): RepeatedTally => ({
      note: (_query, into) => {
        this.requests.note(into);
        this.#hitsIn(store).note(into);
      },
    });
    this.tally = { success: tallyOf('success'), denial: tallyOf('denial') };
    this.missTally = {
      note: (_query, into) => {
        this.requests.note(into);
        this.#missCounter().note(into);
      },
    };
  }

  hit(store: StoreName): void {
    this.#hitsIn(store).value++;
  }

  miss(): void {
    this.#missCounter().value++;
  }

  prefetch(): void {
    this.#families.prefetches.at(this.server, this.#families.zones, this.view).add();
  }

  servedStale(): void {
    this.#families.servedStale.at(this.server, this.#families.zones, this.view).add();
  }

  evicted(store: StoreName): void {
    this.#evictions[store] ??= this.#families.evictions.at(this.server, store, this.#families.zones, this.view);
    this.#evictions[store].value++;
  }

  /** Tells of a store what it holds at each scrape: others' replies may take its room at any time. */
  holds(name: StoreName, store: { readonly size: number; readonly octets: number }): void {
    if (this.#isFollowed[name]) return;
    this.#isFollowed[name] = true;
    this.#families.entries.at(this.server, name, this.#families.zones, this.view).follow(() => store.size);
    this.#families.octets.at(this.server, name, this.#families.zones, this.view).follow(() => store.octets);
  }

  #missCounter(): Counter {
    this.#misses ??= this.#families.misses.at(this.server, this.#families.zones, this.view);
    return this.#misses;
  }

  #hitsIn(store: StoreName): Counter {
    this.#hits[store] ??= this.#families.hits.at(this.server, store, this.#families.zones, this.view);
    return this.#hits[store];
  }
}

/** Exposes what all stores of the process take together, and what they may. */
export const followMemory = (metrics: Metrics, memory: { readonly octets: number; readonly limit: number }): void => {
  const held = metrics.gauge({
    name: 'cluster_dns_cache_memory_bytes',
    help: 'Memory that the replies in all stores take together, about.',
    labels: [],
  });
  const limit = metrics.gauge({
    name: 'cluster_dns_cache_memory_limit_bytes',
    help: 'What the replies in all stores may take together.',
    labels: [],
  });
  held.at().follow(() => memory.octets);
  limit.at().follow(() => memory.limit);
};
