// Deep import: the package's index costs 10 MB of resident memory more than its registry.
import Registry from 'prom-client/lib/registry.js';
import { Cells } from './cells.ts';
import {
  CounterFamily,
  type FamilyOptions,
  GaugeFamily,
  HistogramFamily,
  type HistogramOptions,
  ObservedCounterFamily,
} from './families.ts';

/** Content-Type of the exposition, as CoreDNS sends it. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

type AnyFamily = CounterFamily | GaugeFamily | HistogramFamily | ObservedCounterFamily;

/**
 * The process's metrics. Counting is an addition to a number that was looked up once; prom-client renders at the scrape.
 * Asking twice for a name gives the same family, so counters outlive a configuration.
 */
export class Metrics {
  /** @internal It would bring prom-client's types to whoever writes a plugin. */
  readonly registry = new Registry();
  /** Where threads count. */
  readonly cells = new Cells();
  readonly #families = new Map<string, AnyFamily>();

  counter(options: FamilyOptions): CounterFamily {
    return this.#family(options.name, CounterFamily, () => new CounterFamily(options, this.cells));
  }

  gauge(options: FamilyOptions): GaugeFamily {
    return this.#family(options.name, GaugeFamily, () => new GaugeFamily(options));
  }

  histogram(options: HistogramOptions): HistogramFamily {
    return this.#family(options.name, HistogramFamily, () => new HistogramFamily(options, this.cells));
  }

  /** Counters that are read at the scrape: each child is told how by `follow`. */
  observedCounter(options: FamilyOptions): ObservedCounterFamily {
    return this.#family(options.name, ObservedCounterFamily, () => new ObservedCounterFamily(options));
  }

  /** The text exposition: families by name, those without a series left out. */
  async render(): Promise<string> {
    const names = this.registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .filter((name) => this.#families.get(name)?.isEmpty !== true)
      .sort();
    const texts = await Promise.all(names.map((name) => this.registry.getSingleMetricAsString(name)));
    return `${texts.join('\n')}\n`;
  }

  #family<T extends AnyFamily>(name: string, kind: abstract new (...args: never[]) => T, make: () => T): T {
    const known = this.#families.get(name);
    if (known !== undefined) {
      if (!(known instanceof kind)) throw new Error(`metric ${name} is already declared as another type`);
      return known;
    }
    const family = make();
    this.#families.set(name, family);
    this.registry.registerMetric(family.exposition);
    return family;
  }
}
