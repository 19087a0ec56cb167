import type { Metric } from 'prom-client';
import type { Additions, Cells } from './cells.ts';

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  /** Label names, in the order in which `at` takes their values. None: one child from the start. */
  readonly labels?: readonly string[];
}

export interface HistogramOptions extends FamilyOptions {
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[];
}

/** One counter. `value` is added to directly on the hot path of the main thread; what is counted by `note` comes on top of it. */
export class Counter {
  value = 0;
  readonly #cells: Cells;
  #cell: number | null = null;
  constructor(cells: Cells) {
    this.#cells = cells;
  }
  add(n = 1): void {
    this.value += n;
  }
  /** Notes one more count. */
  note(into: Additions): void {
    this.#cell ??= this.#cells.allocate();
    into.add(this.#cell, 1);
  }
  /** What all threads have counted. */
  get total(): number {
    return this.value + (this.#cell === null ? 0 : this.#cells.total(this.#cell));
  }
}

/** One gauge: a number, or a function asked at the scrape. */
export class Gauge {
  #read: () => number = () => 0;
  set(value: number): void {
    this.#read = () => value;
  }
  /** Asked at each scrape. */
  follow(read: () => number): void {
    this.#read = read;
  }
  get value(): number {
    return this.#read();
  }
}

/** One histogram. `counts[i]` belongs to bucket i alone, not cumulated; the last is +Inf. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;
  readonly #cells: Cells;
  /** Cells of the buckets and, last, of the sum. */
  readonly #cellOf: (number | undefined)[];
  constructor(bounds: readonly number[], cells: Cells) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
    this.#cells = cells;
    this.#cellOf = new Array(bounds.length + 2).fill(undefined);
  }
  observe(value: number): void {
    const bucket = this.#bucketOf(value);
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
  }
  /** Notes one more observation of this value. */
  note(value: number, into: Additions): void {
    into.add(this.#cell(this.#bucketOf(value)), 1);
    if (value !== 0) into.add(this.#cell(this.bounds.length + 1), value);
  }
  /** Observations of a bucket by all threads. */
  totalOf(bucket: number): number {
    return (this.counts[bucket] as number) + this.#noted(bucket);
  }
  get totalSum(): number {
    return this.sum + this.#noted(this.bounds.length + 1);
  }
  #bucketOf(value: number): number {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    return i;
  }
  #cell(place: number): number {
    this.#cellOf[place] ??= this.#cells.allocate();
    return this.#cellOf[place];
  }
  #noted(place: number): number {
    const cell = this.#cellOf[place];
    return cell === undefined ? 0 : this.#cells.total(cell);
  }
}

interface Sample {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

/** What prom-client's registry needs of a metric to render it. */
interface Exposition {
  name: string;
  help: string;
  type: string;
  aggregator: string;
  get(): Promise<{ name: string; help: string; type: string; values: Sample[]; aggregator: string }>;
  reset(): void;
}

/** Series in the order of their label values, labels by name, as client_golang sorts them. */
const compareLabels = (a: Record<string, string>, b: Record<string, string>): number => {
  for (const name of Object.keys(a)) {
    const [left, right] = [a[name] ?? '', b[name] ?? ''];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
};

abstract class Family<Child> {
  readonly options: FamilyOptions;
  /** @internal */
  readonly exposition: Metric;
  readonly #children = new Map<string, { readonly labels: Record<string, string>; readonly child: Child }>();
  /** Label names as they are exposed, sorted, each with its place in `labels`. */
  readonly #exposed: readonly (readonly [string, number])[];

  constructor(options: FamilyOptions, type: string) {
    this.options = options;
    const { name, help } = options;
    this.#exposed = (options.labels ?? []).map((label, i) => [label, i] as const).sort(([a], [b]) => (a < b ? -1 : 1));
    const values = (): Sample[] =>
      [...this.#children.values()]
        .sort((a, b) => compareLabels(a.labels, b.labels))
        .flatMap(({ labels, child }) => this.samples(labels, child));
    const exposition: Exposition = {
      name,
      help,
      type,
      aggregator: 'sum',
      get: async () => ({ name, help, type, values: values(), aggregator: 'sum' }),
      reset: () => this.#children.clear(),
    };
    this.exposition = exposition as unknown as Metric;
  }

  protected abstract make(): Child;
  protected abstract samples(labels: Record<string, string>, child: Child): Sample[];

  /** The child with these label values, in the order of `labels`; made at its first use. Keep it: looking it up is not for the hot path. */
  at(...values: readonly string[]): Child {
    const names = this.options.labels ?? [];
    if (values.length !== names.length)
      throw new Error(`${this.options.name} has ${names.length} labels, got ${values.length}`);
    const key = values.join('\0');
    let entry = this.#children.get(key);
    if (entry === undefined) {
      const labels = Object.fromEntries(this.#exposed.map(([name, i]) => [name, values[i] as string]));
      entry = { labels, child: this.make() };
      this.#children.set(key, entry);
    }
    return entry.child;
  }

  /** Takes a child out of the exposition. */
  remove(...values: readonly string[]): void {
    this.#children.delete(values.join('\0'));
  }

  /** True where there is nothing to expose: such a family is left out, HELP and TYPE too, as client_golang does. */
  get isEmpty(): boolean {
    return this.#children.size === 0;
  }

  protected exposeUnlabelled(): void {
    if ((this.options.labels ?? []).length === 0) this.at();
  }
}

export class CounterFamily extends Family<Counter> {
  readonly #cells: Cells;
  constructor(options: FamilyOptions, cells: Cells) {
    super(options, 'counter');
    this.#cells = cells;
    this.exposeUnlabelled();
  }
  protected make(): Counter {
    return new Counter(this.#cells);
  }
  protected samples(labels: Record<string, string>, child: Counter): Sample[] {
    return [{ labels, value: child.total }];
  }
}

export class GaugeFamily extends Family<Gauge> {
  readonly #readers = new Map<Gauge, Set<() => number>>();
  constructor(options: FamilyOptions) {
    super(options, 'gauge');
    this.exposeUnlabelled();
  }
  /**
   * A child that several may answer for: at each scrape all are asked, and the highest counts. Gives a function that ends this one's
   * part; the last to end takes the child out.
   */
  followHighest(read: () => number, ...values: readonly string[]): () => void {
    const gauge = this.at(...values);
    const readers = this.#readers.get(gauge) ?? new Set();
    this.#readers.set(gauge, readers.add(read));
    gauge.follow(() => Math.max(...[...readers].map((one) => one())));
    return () => {
      readers.delete(read);
      if (readers.size === 0) this.remove(...values);
    };
  }
  protected make(): Gauge {
    return new Gauge();
  }
  protected samples(labels: Record<string, string>, child: Gauge): Sample[] {
    return [{ labels, value: child.value }];
  }
}

/** A counter that lives elsewhere (the kernel, the runtime) and is asked for at each scrape. */
export class ObservedCounterFamily extends Family<Gauge> {
  constructor(options: FamilyOptions) {
    super(options, 'counter');
  }
  protected make(): Gauge {
    return new Gauge();
  }
  protected samples(labels: Record<string, string>, child: Gauge): Sample[] {
    return [{ labels, value: child.value }];
  }
}

export class HistogramFamily extends Family<Histogram> {
  readonly #bounds: readonly number[];
  readonly #cells: Cells;
  constructor(options: HistogramOptions, cells: Cells) {
    super(options, 'histogram');
    this.#bounds = options.buckets;
    this.#cells = cells;
    this.exposeUnlabelled();
  }
  protected make(): Histogram {
    return new Histogram(this.#bounds, this.#cells);
  }
  protected samples(labels: Record<string, string>, child: Histogram): Sample[] {
    const { name } = this.options;
    let count = 0;
    const samples: Sample[] = child.bounds.map((bound, i) => {
      count += child.totalOf(i);
      return { labels: { ...labels, le: bound }, value: count, metricName: `${name}_bucket` };
    });
    count += child.totalOf(child.bounds.length);
    return [
      ...samples,
      { labels: { ...labels, le: '+Inf' }, value: count, metricName: `${name}_bucket` },
      { labels, value: child.totalSum, metricName: `${name}_sum` },
      { labels, value: count, metricName: `${name}_count` },
    ];
  }
}
