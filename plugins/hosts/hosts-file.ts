import { readFile, stat } from 'node:fs/promises';
import type { Log } from '#log/log.ts';
import type { Gauge, GaugeFamily } from '#metrics/families.ts';
import type { Metrics } from '#metrics/metrics.ts';
import type { Generations } from '#plugin/index.ts';
import { HostTable } from './host-table.ts';
import type { HostsOptions } from './options.ts';

/** What the file takes from the process. */
export interface HostsSurroundings {
  readonly metrics: Metrics;
  readonly generations: Generations;
  readonly log: Log;
}

/** Follows a hosts file and holds its table beside that of the inline lines. */
export class HostsFile {
  readonly inline: HostTable;
  /** Generation slot that every reply from here depends on. */
  readonly slot: number;
  #table: HostTable;
  readonly #options: HostsOptions;
  readonly #generations: Generations;
  readonly #log: Log;
  readonly #entries: GaugeFamily;
  readonly #reloadedAt: Gauge;
  #modifiedAtMs = -1;
  #size = -1;
  #timer: NodeJS.Timeout | null = null;
  #isPolling = false;

  constructor(options: HostsOptions, { metrics, generations, log }: HostsSurroundings) {
    this.#options = options;
    this.#generations = generations;
    this.#log = log;
    this.slot = generations.slotOf(`hosts/${options.path}`);
    this.#table = new HostTable([], options, () => undefined);
    // Complaints about inline lines were made when the Corefile was read, with line and column.
    const lines = options.inline.map(({ text }) => text);
    this.inline = new HostTable(lines, options, () => undefined);
    this.#entries = metrics.gauge({
      name: 'coredns_hosts_entries',
      help: 'Entries served, of the file and of the Corefile together.',
      labels: ['hostsfile'],
    });
    this.#reloadedAt = metrics
      .gauge({
        name: 'coredns_hosts_reload_timestamp_seconds',
        help: 'When the hosts file was last read.',
      })
      .at();
  }

  /** What the file said last. */
  get table(): HostTable {
    return this.#table;
  }

  /** Reads the file and goes on looking at it. */
  async start(): Promise<void> {
    await this.poll();
    if (this.#options.reloadMs === 0) return;
    this.#timer = setInterval(() => void this.poll(), this.#options.reloadMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Reads the file again where its time or size is another. A file that can't be read leaves the table as it was. */
  async poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    try {
      const { mtimeMs, size } = await stat(this.#options.path);
      if (mtimeMs === this.#modifiedAtMs && size === this.#size) return;
      const text = await readFile(this.#options.path, 'utf8');
      this.#modifiedAtMs = mtimeMs;
      this.#size = size;
      this.#take(text);
    } catch (error) {
      // That the file is missing was said at setup; each look would say it again.
      this.#log.debug(`can not read hosts file ${this.#options.path}: ${(error as Error).message}`);
    } finally {
      this.#isPolling = false;
    }
  }

  /** The new table serves and every reply from the old one is stale, in one turn. */
  #take(text: string): void {
    const { path } = this.#options;
    this.#table = new HostTable(text.split('\n'), this.#options, (line, what) =>
      this.#log.warning(`${path}:${line}: ${what}`),
    );
    this.#generations.bump(this.slot);
    this.#log.debug(`Parsed hosts file into ${this.#table.size} entries`);
    this.#entries.at(path).set(this.inline.size + this.#table.size);
    this.#reloadedAt.set(this.#modifiedAtMs / 1000);
  }
}
