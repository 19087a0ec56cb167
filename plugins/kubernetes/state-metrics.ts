import type { Counter } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';

/** What is told of one state file. Over a reload two may tell of the same one for a moment. */
export class StateMetrics {
  readonly written: Counter;
  readonly failed: Counter;
  readonly #metrics: Metrics;
  readonly #file: string;
  readonly #values = new Map<string, number>();
  readonly #forgetValues: (() => void)[] = [];
  readonly #forgetRestored: () => void;

  constructor(metrics: Metrics, file: string, isRestored: () => boolean) {
    this.#metrics = metrics;
    this.#file = file;
    const writes = metrics.counter({
      name: 'cluster_dns_kubernetes_state_writes_total',
      help: 'State files that were written, or could not be.',
      labels: ['file', 'result'],
    });
    this.written = writes.at(file, 'ok');
    this.failed = writes.at(file, 'failed');
    const restored = metrics.gauge({
      name: 'cluster_dns_kubernetes_restored',
      help: '1 while answers are those of a state file, until the cluster has been listed.',
      labels: ['file'],
    });
    this.#forgetRestored = restored.followHighest(() => (isRestored() ? 1 : 0), file);
  }

  /** The file was taken into use. */
  loaded(bytes: number, savedAtMs: number, ageMs: number): void {
    this.#show('state_age_seconds', 'How old the state was when it was taken from the file.', ageMs / 1000);
    this.saved(bytes, savedAtMs);
  }

  /** The file is this now. */
  saved(bytes: number, savedAtMs: number): void {
    this.#show('state_bytes', 'Size of the state file.', bytes);
    this.#show('state_saved_timestamp_seconds', 'When the cluster was as the state file has it.', savedAtMs / 1000);
  }

  /** Takes out what is no longer true; counters stay. */
  remove(): void {
    this.#forgetRestored();
    for (const forget of this.#forgetValues) forget();
  }

  #show(name: string, help: string, value: number): void {
    const isNew = !this.#values.has(name);
    this.#values.set(name, value);
    if (!isNew) return;
    const gauge = this.#metrics.gauge({ name: `cluster_dns_kubernetes_${name}`, help, labels: ['file'] });
    this.#forgetValues.push(gauge.followHighest(() => this.#values.get(name) ?? 0, this.#file));
  }
}
