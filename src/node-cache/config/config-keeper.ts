import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { faultLine, faultsText, inFileOrder } from '#corefile/diagnostics.ts';
import { tokenize } from '#corefile/lexer.ts';
import type { Fault } from '#corefile/tree.ts';
import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import { ConfigurationError } from '#server/lifecycle.ts';
import type { NodeCacheSettings } from '../settings.ts';
import { type ConfigInputs, readConfigInputs, signatureOf } from './config-inputs.ts';
import { DirectoryWatch, type WatchDirectory } from './directory-watch.ts';
import { type KubeDnsConfig, NO_KUBE_DNS, parseKubeDns } from './kube-dns-config.ts';
import { corefileOf, renderTemplate } from './template.ts';
import { atOrigin, type PlacedFaults } from './template-places.ts';
import { writeCorefile } from './write-corefile.ts';

/** Files are looked at so often besides what the system tells: not every file system tells of changes. */
const LOOK_MS = 1000;
/** A change counts when two readings with this pause between them are the same: an editor writes piece by piece. */
const SETTLE_MS = 40;
const MAX_READINGS = 20;
/** A Corefile that the server did not take for a reason outside of it, such as a port, is offered again. */
const RETRY_MS = 60_000;

export type ConfigKeeperSettings = Pick<
  NodeCacheSettings,
  | 'addresses'
  | 'dnsPort'
  | 'clusterDns'
  | 'upstreamService'
  | 'baseCorefile'
  | 'corefile'
  | 'kubeDnsDirectory'
  | 'interfaceName'
>;

export interface ConfigKeeperParts {
  readonly log: Log;
  /** Counts a template or ConfigMap that can't be used (errortype `configmap`). */
  readonly onFault: () => void;
  /** Reads a Corefile as the server will, starts nothing, and gives what is wrong with it; the text's name is that of `-conf`. */
  readonly check: (text: string) => PlacedFaults;
  readonly watchDirectory?: WatchDirectory;
  /** Pause between two looks in place of a second. */
  readonly lookMs?: number;
}

/** A Corefile with the texts that it imports. */
interface Made {
  readonly text: string;
  readonly imported: ReadonlyMap<string, string>;
}

/** What is wrong with what it should be made from. */
interface Wrong {
  readonly wrong: ConfigurationError;
}

/**
 * Makes the Corefile from the template and the kube-dns ConfigMap, at the start and whenever one of them changes. What is wrong with the ConfigMap never
 * keeps the template from being served; what is wrong with the template is fatal at the start, and later the last good Corefile stays.
 */
export class ConfigKeeper {
  readonly #settings: ConfigKeeperSettings;
  readonly #parts: ConfigKeeperParts;
  readonly #template: Trouble;
  readonly #configMap: Trouble;
  readonly #watches: DirectoryWatch[] = [];
  /** The ConfigMap as it was when it was last right. */
  #kubeDns = NO_KUBE_DNS;
  /** What the server has, or is about to read; null before the first. */
  #current: Made | null = null;
  /** Of the inputs that were last looked at. */
  #signature = '';
  #retryAtMs = Number.POSITIVE_INFINITY;
  #onChanged: () => Promise<Error | null> = async () => null;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #isWaiting = false;
  #isClosed = false;

  constructor(settings: ConfigKeeperSettings, parts: ConfigKeeperParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#template = new Trouble(parts.log, `${settings.baseCorefile} is right again`);
    this.#configMap = new Trouble(parts.log, `the kube-dns ConfigMap in ${settings.kubeDnsDirectory} is right again`);
  }

  /** The Corefile as it is now. */
  read(): Promise<string> {
    return readFile(this.#settings.corefile, 'utf8');
  }

  /** Writes the first Corefile. Rejects with all faults of the template, or the reason why nothing can be written. */
  async write(): Promise<void> {
    const inputs = await this.#inputs();
    const made = this.#make(inputs);
    if ('wrong' in made) {
      this.#parts.onFault();
      throw made.wrong;
    }
    await writeCorefile(this.#settings.corefile, made.text);
    this.#current = made;
    this.#signature = signatureOf({ ...inputs, imported: made.imported });
    this.#tell();
  }

  /**
   * From now on follows changes. `onChanged` is called when there is a new Corefile, and gives why the server does not take it, or null; then the one
   * before is written again.
   */
  watch(onChanged: () => Promise<Error | null>): void {
    this.#onChanged = onChanged;
    const { baseCorefile, kubeDnsDirectory } = this.#settings;
    for (const directory of new Set([dirname(baseCorefile), kubeDnsDirectory]))
      this.#watches.push(new DirectoryWatch(directory, () => this.#look(), this.#parts.watchDirectory));
    const round = (): void => {
      for (const watch of this.#watches) void watch.renew();
      this.#look();
    };
    this.#timer = setInterval(round, this.#parts.lookMs ?? LOOK_MS);
    round();
  }

  /** Ends the watch; waits for a change that is being taken over. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const watch of this.#watches) watch.close();
    await this.#looking;
  }

  /** Looks now, or once more after the look that is under way. */
  #look(): void {
    if (this.#isClosed) return;
    if (this.#looking !== null) {
      this.#isWaiting = true;
      return;
    }
    this.#looking = this.#takeOver()
      .catch((error: unknown) => this.#parts.log.error(`watching the configuration: ${String(error)}`))
      .finally(() => {
        this.#looking = null;
        if (!this.#isWaiting) return;
        this.#isWaiting = false;
        this.#look();
      });
  }

  async #takeOver(): Promise<void> {
    const isRetry = performance.now() >= this.#retryAtMs;
    const first = await this.#inputs();
    if (signatureOf(first) === this.#signature && !isRetry) return;
    const inputs = await this.#settled(first);
    if (this.#isClosed || (signatureOf(inputs) === this.#signature && !isRetry)) return;
    const fault = await this.#use(inputs);
    this.#retryAtMs = fault === null ? Number.POSITIVE_INFINITY : performance.now() + RETRY_MS;
    if (fault === null) {
      this.#template.isOver();
      return;
    }
    this.#parts.onFault();
    const lines = fault instanceof ConfigurationError ? fault.lines : [fault.message];
    for (const line of lines) this.#template.tell(`${line}; the last good Corefile stays`);
  }

  /** Has the server read what is made of the inputs, where that is anything new. Gives the reason where the Corefile before stays. */
  async #use(inputs: ConfigInputs): Promise<Error | null> {
    this.#signature = signatureOf(inputs);
    const current = this.#current;
    const kubeDns = this.#kubeDns;
    const made = this.#make(inputs);
    if ('wrong' in made) return made.wrong;
    this.#signature = signatureOf({ ...inputs, imported: made.imported });
    if (current !== null && isSame(made, current)) return null;
    try {
      await writeCorefile(this.#settings.corefile, made.text);
      this.#current = made;
      this.#tell();
      const fault = await this.#onChanged();
      if (fault === null) return null;
      throw fault;
    } catch (error) {
      this.#current = current;
      this.#kubeDns = kubeDns;
      // Whoever reads the file finds what is served.
      if (current !== null) await writeCorefile(this.#settings.corefile, current.text).catch(() => undefined);
      return error as Error;
    }
  }

  #inputs(): Promise<ConfigInputs> {
    return readConfigInputs(this.#settings, this.#current?.imported.keys() ?? []);
  }

  async #settled(first: ConfigInputs): Promise<ConfigInputs> {
    let last = first;
    for (let i = 0; i < MAX_READINGS; i++) {
      await delay(SETTLE_MS);
      const next = await this.#inputs();
      if (signatureOf(next) === signatureOf(last)) return next;
      last = next;
    }
    return last;
  }

  /** With the ConfigMap where it is right and goes with the template, else with the last that was. */
  #make({ template, kubeDns }: ConfigInputs): Made | Wrong {
    const { baseCorefile, kubeDnsDirectory, addresses } = this.#settings;
    if (template instanceof Error) return noTemplate(`-basecorefile: ${template.message}`);
    if (tokenize(baseCorefile, template).length === 0) return noTemplate(`${baseCorefile}: the template is empty`);
    const own = addresses.map(({ address }) => address);
    const parsed = parseKubeDns(kubeDns, kubeDnsDirectory, own);
    let lines: readonly string[];
    if ('config' in parsed) {
      const made = this.#render(template, parsed.config, String(kubeDns.get('stubDomains') ?? ''));
      if ('text' in made) {
        this.#kubeDns = parsed.config;
        this.#configMap.isOver();
        return made;
      }
      lines = made.wrong.lines;
    } else lines = parsed.faults;
    const instead = this.#render(template, this.#kubeDns, '');
    if ('wrong' in instead) return instead;
    this.#parts.onFault();
    for (const line of lines)
      this.#configMap.tell(`${line}; the kube-dns ConfigMap is ignored, what it said before stays`);
    return instead;
  }

  #render(template: string, kubeDns: KubeDnsConfig, stubDomains: string): Made | Wrong {
    const rendered = renderTemplate(template, this.#settings, kubeDns);
    const { baseCorefile, corefile } = this.#settings;
    if (rendered.faults.length > 0)
      return { wrong: configurationError({ faults: rendered.faults, sources: new Map([[baseCorefile, template]]) }) };
    const text = corefileOf(rendered);
    const checked = this.#parts.check(text);
    const faults = checked.faults.filter((fault) => !this.#isOwnLink(fault));
    if (faults.length > 0)
      return { wrong: configurationError(atOrigin({ ...checked, faults }, rendered, this.#settings, stubDomains)) };
    return { text, imported: new Map([...checked.sources].filter(([file]) => file !== corefile)) };
  }

  /** `bind` may name the link, which is not there when the first Corefile is made. */
  #isOwnLink({ plugin, token }: Fault): boolean {
    const { interfaceName } = this.#settings;
    return this.#current === null && plugin === 'bind' && interfaceName !== '' && token?.text === interfaceName;
  }

  #tell(): void {
    const { stubDomains, upstreamNameservers } = this.#kubeDns;
    const upstreams = upstreamNameservers.length === 0 ? '/etc/resolv.conf' : upstreamNameservers.join(', ');
    const stubs = stubDomains.size === 1 ? '1 stub domain' : `${stubDomains.size} stub domains`;
    const { corefile, baseCorefile } = this.#settings;
    this.#parts.log.info(`${corefile} written from ${baseCorefile}: ${stubs}, upstream servers ${upstreams}`);
  }
}

const configurationError = ({ faults, sources }: PlacedFaults): ConfigurationError =>
  new ConfigurationError(faultsText(faults, sources).trimEnd(), inFileOrder(faults).map(faultLine));

const noTemplate = (message: string): Wrong => ({ wrong: new ConfigurationError(message, [message]) });

const isSame = (a: Made, b: Made): boolean =>
  a.text === b.text &&
  a.imported.size === b.imported.size &&
  [...a.imported].every(([file, text]) => b.imported.get(file) === text);
