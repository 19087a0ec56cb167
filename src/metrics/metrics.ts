import { Registry } from 'prom-client';
import { CounterFamily, type FamilyOptions, GaugeFamily, HistogramFamily, type HistogramOptions } from './families.ts';

/** Content-Type of the exposition, as CoreDNS sends it. */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';

/**
 * The process's metrics. Counting is an addition to a number that was looked up once; prom-client renders at the scrape.
 * Asking twice for a name gives the same family, so counters outlive a configuration.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #families = new Map<string, CounterFamily | GaugeFamily | HistogramFamily>();

  counter(options: FamilyOptions): CounterFamily {
    return this.#family(options.name, CounterFamily, () => new CounterFamily(options));
  }

  gauge(options: FamilyOptions): GaugeFamily {
    return this.#family(options.name, GaugeFamily, () => new GaugeFamily(options));
  }

  histogram(options: HistogramOptions): HistogramFamily {
    return this.#family(options.name, HistogramFamily, () => new HistogramFamily(options));
  }

  /** The text exposition. */
  render(): Promise<string> {
    return this.registry.metrics();
  }

  #family<T extends CounterFamily | GaugeFamily | HistogramFamily>(
    name: string,
    kind: abstract new (...args: never[]) => T,
    make: () => T,
  ): T {
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
