import { type IptablesCommands, WAIT } from '#netfilter/iptables/commands.ts';
import { CommandError, runOrThrow } from '#netfilter/run.ts';
import { isLargeCluster } from '../../model/large-cluster.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleWriter, SyncReport, WriterEnvironment } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { CANARY } from './chain-names.ts';
import { CANARY_TABLES, filterFrame, natFrame } from './frame.ts';
import { fullParts } from './full-parts.ts';
import { readLive } from './live-rules.ts';
import { type RestoreParts, restoreInput } from './restore-input.ts';
import { type ServiceLines, sortedKeys, type WrittenService, writeService } from './service-lines.ts';

/** What the kernel has, as of the last sync. */
interface Known {
  readonly options: string;
  readonly isLarge: boolean;
  readonly keys: readonly string[];
  readonly lines: Map<string, ServiceLines>;
}

/**
 * Keeps one family's rules through `iptables-restore --noflush`. As in kube-proxy, shared chains are written whole in each sync, and of the
 * Services' own chains those that changed. What chains there are is known from the last sync, so only a full one runs `iptables-save`.
 */
export class IptablesWriter implements RuleWriter {
  readonly #environment: WriterEnvironment;
  readonly #commands: IptablesCommands;
  readonly #removeOtherModes: () => Promise<void>;
  /** null: the next sync is full. */
  #known: Known | null = null;
  /** Other modes' rules have been removed. */
  #isAlone = false;

  constructor(environment: WriterEnvironment, commands: IptablesCommands, removeOtherModes: () => Promise<void>) {
    this.#environment = environment;
    this.#commands = commands;
    this.#removeOtherModes = removeOtherModes;
  }

  async sync(services: ServicePorts, options: RuleOptions, changed: ReadonlySet<string> | null): Promise<SyncReport> {
    const known = this.#known;
    // Until it has succeeded, nobody knows what is there: of two tables the first may be new.
    this.#known = null;
    const isLarge = isLargeCluster(services);
    const isPartial =
      known !== null && changed !== null && known.isLarge === isLarge && known.options === JSON.stringify(options);
    const report = isPartial
      ? await this.#syncPart(known, services, options, changed)
      : await this.#syncAll(services, options, isLarge);
    if (!this.#isAlone && report.kind === 'full') await this.#takeOver();
    return report;
  }

  /** Other modes' rules go once these are there. Where they can't be removed, Services work all the same, so far as the others let them. */
  async #takeOver(): Promise<void> {
    try {
      await this.#removeOtherModes();
      this.#isAlone = true;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      this.#environment.log.warning(`rules of another mode are still there: ${error.message}`);
    }
  }

  async isIntact(): Promise<boolean> {
    for (const table of CANARY_TABLES) {
      const { iptables } = this.#commands;
      const { exitCode, stderr } = await this.#environment.run(iptables, [...WAIT, '-t', table, '-S', CANARY]);
      if (exitCode === 0) continue;
      if (exitCode === 1) return false;
      // No rights, or the lock was held all the time: that says nothing about the rules.
      this.#environment.log.debug(`${iptables}: cannot look for ${CANARY} in table ${table}: ${stderr.trim()}`);
    }
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #syncAll(services: ServicePorts, options: RuleOptions, isLarge: boolean): Promise<SyncReport> {
    const live = readLive(await runOrThrow(this.#environment.run, this.#commands.save, []));
    const parts = fullParts(services, options, live);
    await this.#restore(parts);
    const keys = sortedKeys(services);
    const lines = new Map(keys.map((key, index) => [key, parts.services[index] as ServiceLines]));
    this.#known = { options: JSON.stringify(options), isLarge, keys, lines };
    return reportOf(parts);
  }

  async #syncPart(
    known: Known,
    services: ServicePorts,
    options: RuleOptions,
    changed: ReadonlySet<string>,
  ): Promise<SyncReport> {
    const { isLarge } = known;
    const written: WrittenService[] = [];
    const removed: string[] = [];
    let hasOtherKeys = false;
    for (const key of [...changed].sort()) {
      const before = known.lines.get(key);
      const service = services.get(key);
      const now = service === undefined ? null : writeService(service, { ...options, isLarge });
      if ((before === undefined) !== (service === undefined)) hasOtherKeys = true;
      const kept = new Set(now?.lines.chains);
      removed.push(...(before?.chains.filter((chain) => !kept.has(chain)) ?? []));
      if (now === null) known.lines.delete(key);
      else known.lines.set(key, now.lines);
      if (now !== null) written.push(now);
    }
    const keys = hasOtherKeys ? [...known.lines.keys()].sort() : known.keys;
    const parts: RestoreParts = {
      options,
      services: keys.map((key) => known.lines.get(key) as ServiceLines),
      written,
      stale: { filter: [], nat: removed },
      jumps: { filter: [], nat: [] },
      isFull: false,
    };
    await this.#restore(parts);
    this.#known = { ...known, keys };
    return reportOf(parts);
  }

  #restore(parts: RestoreParts): Promise<string> {
    const args = [...WAIT, '--noflush', '--counters'];
    return runOrThrow(this.#environment.run, this.#commands.restore, args, restoreInput(parts));
  }
}

const reportOf = ({ options, services, written, stale, jumps, isFull }: RestoreParts): SyncReport => {
  const rules = { filter: frameSize(filterFrame(options)), nat: frameSize(natFrame(options)) };
  let own = 0;
  for (const { count } of services) {
    rules.filter += count.filter;
    rules.nat += count.nat;
    own += count.own;
  }
  let [ownWritten, chains] = [0, 0];
  for (const { lines } of written) {
    ownWritten += lines.count.own;
    chains += lines.chains.length;
  }
  const others = stale.filter.length + stale.nat.length + jumps.filter.length + jumps.nat.length;
  return {
    kind: isFull ? 'full' : 'partial',
    size: rules.filter + rules.nat + ownWritten + chains + others,
    tables: {
      filter: { rules: rules.filter, written: rules.filter },
      nat: { rules: rules.nat + own, written: rules.nat + ownWritten },
    },
  };
};

const frameSize = (frame: ReturnType<typeof filterFrame>): number =>
  frame.reduce((count, { rules }) => count + rules.length, 0);
