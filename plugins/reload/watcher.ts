import { faultLine } from '#corefile/diagnostics.ts';
import { fingerprint } from '#corefile/fingerprint.ts';
import { parseCorefile } from '#corefile/parser.ts';
import type { Log } from '#log/log.ts';
import type { Counter, Gauge, GaugeFamily } from '#metrics/families.ts';
import type { BlockInfo, Lease, Services } from '#plugin/index.ts';
import type { ReloadOptions } from './options.ts';

/** The one watcher of the process that is at work: of several blocks the last, and a new configuration's before the old one's. */
class Turn {
  holder: Watcher | null = null;
  close(): void {
    this.holder = null;
  }
}

/** Compares the Corefile with what runs, once an interval. */
export class Watcher {
  readonly #pauseMs: number;
  readonly #block: BlockInfo;
  readonly #services: Services;
  readonly #log: Log;
  readonly #failed: Counter;
  readonly #versions: GaugeFamily;
  readonly #refused: Gauge;
  #turn: Lease<Turn> | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Fingerprint of what runs, or of what was tried last and failed. */
  #known = '';
  #knownFailed = false;
  #isBusy = false;

  constructor({ intervalMs, jitterMs }: ReloadOptions, block: BlockInfo, services: Services) {
    this.#pauseMs = intervalMs + (services.random() - 0.5) * jitterMs;
    this.#block = block;
    this.#services = services;
    this.#log = services.log.plugin('reload');
    const { metrics } = services;
    this.#failed = metrics.counter({ name: 'coredns_reload_failed_total', help: 'Reloads that failed.' }).at();
    this.#versions = metrics.gauge({
      name: 'coredns_reload_version_info',
      help: 'Always 1; its labels tell the checksum of the last configuration that was loaded.',
      labels: ['hash', 'value'],
    });
    this.#refused = metrics
      .gauge({
        name: 'cluster_dns_reload_refused',
        help: "1 while the Corefile that is there can't be used, and an older one runs.",
      })
      .at();
  }

  /** Takes its turn. All blocks of a configuration do so in one turn of the event loop, and the last is the one to work. */
  start(): void {
    this.#turn = this.#services.shared.claim('reload/turn', () => new Turn());
    this.#turn.value.holder = this;
    queueMicrotask(() => {
      if (this.#hasTurn()) void this.#begin();
    });
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    if (this.#hasTurn()) (this.#turn as Lease<Turn>).value.holder = null;
    await this.#turn?.release();
    this.#turn = null;
  }

  #hasTurn(): boolean {
    return this.#turn?.value.holder === this;
  }

  async #begin(): Promise<void> {
    const { corefile } = this.#block;
    // What runs is what was parsed for it; the file may have changed since.
    this.#known = corefile === undefined ? ((await this.#read()) ?? '') : fingerprint(corefile);
    if (!this.#hasTurn()) return;
    this.#log.info(`Running configuration SHA512 = ${this.#known}`);
    this.#timer = setInterval(() => void this.#look(), this.#pauseMs);
    this.#timer.unref();
  }

  /** Fingerprint of the file as it is now; null where it can't be read or parsed. */
  async #read(): Promise<string | null> {
    const { configuration } = this.#services;
    let text: string;
    try {
      text = await configuration.read();
    } catch (error) {
      this.#log.debug(`Corefile could not be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
    const { corefile, faults } = parseCorefile({ file: configuration.file ?? 'Corefile', text });
    if (faults.list.length === 0) return fingerprint(corefile);
    this.#log.warning(`Corefile parse failed: ${faults.list.map(faultLine).join('; ')}`);
    return null;
  }

  async #look(): Promise<void> {
    if (this.#isBusy || !this.#hasTurn()) return;
    this.#isBusy = true;
    try {
      const found = await this.#read();
      if (!this.#hasTurn()) return;
      if (found !== null && found !== this.#known) await this.#reload(found);
      this.#refused.set(found === null || this.#knownFailed ? 1 : 0);
    } finally {
      this.#isBusy = false;
    }
  }

  async #reload(found: string): Promise<void> {
    this.#versions.remove('sha512', this.#known);
    // A file that fails is not tried again until it changes.
    this.#known = found;
    const fault = await this.#services.reload();
    this.#versions.at('sha512', found).set(1);
    this.#knownFailed = fault !== null;
    if (fault === null) return;
    this.#log.error(`Corefile changed but reload failed: ${fault.message}`);
    this.#failed.add();
  }
}
