import { isDeepStrictEqual } from 'node:util';
import { type Listing, listArguments, parseListing } from '#netfilter/nft/listing.ts';
import type { TableName } from '#netfilter/nft/ruleset.ts';
import { runNft } from '#netfilter/nft/run-nft.ts';
import { tableText } from '#netfilter/nft/text.ts';
import { CommandError } from '#netfilter/run.ts';
import type { ServicePort, ServicePorts } from '../../model/service-port.ts';
import type { RuleWriter, SyncReport, WriterEnvironment } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { adopt } from './adopt.ts';
import { changeCommands } from './commands.ts';
import { Difference, elementUse, type Uses } from './diff.ts';
import { ForeignChanges } from './foreign-changes.ts';
import type { Layout } from './frame.ts';
import { tableOf } from './names.ts';
import { removeOtherModes } from './other-modes.ts';
import { hasSlots, planBlock } from './plan.ts';
import { renderTable } from './render.ts';
import { withSlots } from './slots.ts';
import { NUMBER_CHAIN_WAIT_MS, StaleChains } from './stale-chains.ts';

/** What the kernel has, as far as is known. */
interface Written {
  readonly options: RuleOptions;
  /** Endpoints in the order of their slots. */
  readonly planned: Map<string, ServicePort>;
  readonly uses: Uses;
}

/** Keeps the table of one family. */
export class NftablesWriter implements RuleWriter {
  readonly layout: Layout;
  readonly #environment: WriterEnvironment;
  readonly #table: TableName;
  readonly #staleChains: StaleChains;
  #foreign: ForeignChanges | null = null;
  #hasRemovedOthers = false;
  /** The kernel did not take what would have repaired the table: the next sync makes it anew. */
  #isBeyondRepair = false;
  /** null until the first sync, and after one that failed. */
  #written: Written | null = null;

  /** `numberChainWaitMs`: how long a chain for a number of endpoints stays when no Service has so many. */
  constructor(environment: WriterEnvironment, layout: Layout, numberChainWaitMs = NUMBER_CHAIN_WAIT_MS) {
    this.#environment = environment;
    this.layout = layout;
    this.#table = tableOf(environment.family);
    const transact = (text: readonly string[]): Promise<void> => this.#transact(text);
    this.#staleChains = new StaleChains(environment, this.#table, numberChainWaitMs, transact);
  }

  async sync(services: ServicePorts, options: RuleOptions, changed: ReadonlySet<string> | null): Promise<SyncReport> {
    await this.#staleChains.pause();
    try {
      await this.#foreign?.start();
      const written = this.#written;
      this.#written = null;
      const isKnown = changed !== null && written !== null && isSame(written.options, options);
      const report = isKnown ? await this.#update(services, changed, written) : await this.#adopt(services, options);
      if (!isKnown && !this.#hasRemovedOthers) this.#hasRemovedOthers = await removeOtherModes(this.#environment);
      return { ...report, cleanUpFailures: this.#staleChains.takeFailures() };
    } finally {
      this.#staleChains.resume();
    }
  }

  /** Chains that base chains jump to can't be deleted, and elements that are there can: a dry run of both tells, and lists nothing. */
  async isIntact(): Promise<boolean> {
    const name = tableText(this.#table);
    const { run } = this.#environment;
    for (const chain of ['services', 'masquerading']) {
      const { exitCode, stderr } = await run('nft', ['-c', 'delete', 'chain', ...name.split(' '), chain]);
      if (exitCode === 0 || !stderr.includes('resource busy')) return false;
    }
    const [first] = this.#written?.planned.values() ?? [];
    if (first === undefined) return true;
    const element = `delete element ${name} cluster-ips { ${first.clusterIP} }\n`;
    return (await run('nft', ['-c', '-f', '-'], element)).exitCode === 0;
  }

  watchForeign(changed: (what: string) => void): void {
    this.#foreign?.close();
    this.#foreign = new ForeignChanges(this.#environment, this.#table, changed);
    void this.#foreign.start();
  }

  async close(): Promise<void> {
    this.#foreign?.close();
    await this.#staleChains.pause();
  }

  /** Writes what changed; what it costs does not depend on how many Services there are. */
  async #update(services: ServicePorts, changed: ReadonlySet<string>, written: Written): Promise<SyncReport> {
    const { options, planned, uses } = written;
    const difference = new Difference(uses, options);
    const placed = new Map<string, ServicePort | undefined>();
    for (const key of changed) {
      const before = planned.get(key);
      if (before !== undefined) difference.remove(planBlock(before, options, this.layout));
    }
    for (const key of changed) {
      const port = this.#placed(planned.get(key), services.get(key));
      placed.set(key, port);
      if (port !== undefined) difference.add(planBlock(port, options, this.layout));
    }
    const changes = difference.finish();
    const transaction = changeCommands(this.#staleChains.without(changes), this.#table);
    await this.#transact(transaction.text);
    difference.commit();
    for (const [key, port] of placed) {
      if (port === undefined) planned.delete(key);
      else planned.set(key, port);
    }
    this.#written = written;
    this.#staleChains.note(changes);
    return { kind: 'partial', size: transaction.size };
  }

  #placed(before: ServicePort | undefined, port: ServicePort | undefined): ServicePort | undefined {
    return port !== undefined && hasSlots(port, this.layout) ? withSlots(before, port) : port;
  }

  /** Looks at what is there, and writes what differs, or all of it anew. */
  async #adopt(services: ServicePorts, options: RuleOptions): Promise<SyncReport> {
    const listing = this.#isBeyondRepair ? undefined : await this.#list();
    const adoption = listing && adopt(listing, services.values(), options, this.layout);
    if (adoption === undefined) return this.#replace(services, options);
    const transaction = changeCommands(adoption.changes, this.#table);
    try {
      await this.#transact(transaction.text);
    } catch (error) {
      this.#isBeyondRepair = error instanceof CommandError && error.exitCode !== null;
      throw error;
    }
    this.#written = { options, planned: adoption.planned, uses: adoption.uses };
    this.#staleChains.adopted(adoption.changes.staleChains);
    return { kind: 'full', size: transaction.size };
  }

  async #replace(services: ServicePorts, options: RuleOptions): Promise<SyncReport> {
    const uses: Uses = new Map();
    const transaction = renderTable(services.values(), options, this.layout, {
      onBlock: ({ sharedElements, numberChains }) => {
        for (const use of [...sharedElements.map(elementUse), ...numberChains]) uses.set(use, (uses.get(use) ?? 0) + 1);
      },
    });
    await this.#transact(transaction.text);
    this.#isBeyondRepair = false;
    this.#written = { options, planned: new Map(services), uses };
    this.#staleChains.adopted([]);
    return { kind: 'full', size: transaction.size };
  }

  /** Nothing where there is no table. */
  async #list(): Promise<Listing | undefined> {
    const name = tableText(this.#table);
    try {
      const { stdout } = await runNft(this.#environment.run, listArguments(name));
      return parseListing(stdout);
    } catch (error) {
      if (error instanceof CommandError && error.message.includes('No such file')) return undefined;
      throw error;
    }
  }

  /** One transaction: all of it is in the kernel, or nothing. */
  async #transact(text: readonly string[]): Promise<void> {
    if (text.length === 0) return;
    this.#foreign?.writing(text);
    let pid: number | undefined;
    try {
      ({ pid } = await runNft(this.#environment.run, ['-f', '-'], text));
    } finally {
      this.#foreign?.written(pid);
    }
  }
}

const isSame = (a: RuleOptions, b: RuleOptions): boolean => a === b || isDeepStrictEqual(a, b);
