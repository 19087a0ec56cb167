import { randomBytes } from 'node:crypto';
import { NoLibc } from '#libc/libc.ts';
import type { Log } from '#log/log.ts';
import type { OpenTableEvents } from '#netfilter/nft/events.ts';
import { type OpenTransactionSocket, openTransactionSocket } from '#netfilter/nft/transaction-socket.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import { ChangeWatch } from '../../change-watch.ts';
import type { LocalAddress, NodeCacheSettings } from '../../settings.ts';
import type { Bypass } from '../bypass.ts';
import { removeDeadInstances } from './dead-instances.ts';
import { type InstanceWriter, SocketWriter, TextWriter } from './instance-writer.ts';
import { FAMILIES, type Family, instanceTable } from './names.ts';
import { PermanentTable } from './permanent-table.ts';
import { planFor } from './plan.ts';
import { openTableChanges } from './table-changes.ts';

export interface NftablesEnvironment {
  readonly run: Run;
  readonly log: Log;
  readonly openSocket?: OpenTransactionSocket;
  readonly openEvents?: OpenTableEvents;
}

/** Rules that fail open: two tables in each family, one of which goes with this process. */
export const openNftablesBypass = (settings: NodeCacheSettings, environment: NftablesEnvironment): Bypass =>
  new NftablesBypass(settings, environment);

class NftablesBypass implements Bypass {
  readonly #settings: NodeCacheSettings;
  readonly #environment: NftablesEnvironment;
  readonly #families: readonly Family[];
  readonly #permanent: PermanentTable;
  readonly #name = instanceTable(`${process.pid}-${randomBytes(4).toString('hex')}`);
  /** null before `setUp` and behind `tearDown`. */
  #instance: InstanceWriter | null = null;
  #watch: ChangeWatch | null = null;
  #changed: () => void = () => undefined;

  constructor(settings: NodeCacheSettings, environment: NftablesEnvironment) {
    this.#settings = settings;
    this.#environment = environment;
    this.#families = FAMILIES.filter((family) => settings.addresses.some((each) => each.family === family));
    this.#permanent = new PermanentTable({ settings, ...environment });
  }

  async setUp(): Promise<void> {
    const writer = await this.#openWriter();
    this.#instance = writer;
    try {
      await removeDeadInstances(this.#environment.run, await writer.listTables());
      await this.#permanent.setUp();
      await this.#create(writer);
    } catch (error) {
      await this.undo().catch((fault: Error) => this.#environment.log.error(`taking the rules back: ${fault.message}`));
      throw error;
    }
    this.#tellOfAddresses();
    const { log, openEvents } = this.#environment;
    const changes = openTableChanges(this.#families, openEvents);
    this.#watch = await ChangeWatch.open('rules', changes, () => this.#changed(), log);
  }

  async keepAlive(addresses: readonly LocalAddress[]): Promise<void> {
    const instance = this.#instance;
    if (instance === null || addresses.length === 0 || (await instance.keepAlive(addresses))) return;
    this.#environment.log.warning(`the nftables table ${this.#name} was gone: made again`);
    await instance.create();
    await instance.keepAlive(addresses);
  }

  repair(): Promise<readonly string[]> {
    return this.#permanent.repair();
  }

  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  async drain(): Promise<void> {
    await this.#instance?.drain(this.#settings.addresses);
  }

  async tearDown(): Promise<void> {
    this.#watch?.close();
    this.#watch = null;
    const instance = this.#instance;
    this.#instance = null;
    await instance?.remove();
  }

  async undo(): Promise<void> {
    try {
      await this.tearDown();
    } finally {
      await this.#permanent.undo();
    }
  }

  async #create(writer: InstanceWriter): Promise<void> {
    await writer.create();
    if (!writer.isOwned)
      this.#environment.log.warning(
        'this kernel can give no table to a process: after a kill queries are lost for up to 3 s',
      );
  }

  async #openWriter(): Promise<InstanceWriter> {
    const { run, log, openSocket = openTransactionSocket } = this.#environment;
    const table = { name: this.#name, dnsPort: this.#settings.dnsPort };
    try {
      return new SocketWriter(await openSocket(), table, this.#families);
    } catch (error) {
      if (!(error instanceof NoLibc)) throw asCommandError(error);
      log.warning(`${error.message}: nft is started each second`);
      return new TextWriter(run, table, this.#families);
    }
  }

  #tellOfAddresses(): void {
    const plans = FAMILIES.flatMap((family) => planFor(this.#settings, family, true) ?? []);
    const stuck = plans.flatMap(({ addresses }) => addresses.filter(({ elsewhere }) => elsewhere === 'nowhere'));
    if (stuck.length === 0) return;
    const list = stuck.map(({ address }) => address).join(', ');
    this.#environment.log.warning(
      `queries to ${list} have nowhere else to go while this cache does not answer: no other cluster IP of the cluster's DNS is known, or none can be reached from there`,
    );
  }
}

const asCommandError = (error: unknown): CommandError => {
  const words = error instanceof Error ? error.message : String(error);
  return new CommandError('nft', null, `nftables can't be spoken to: ${words}`, error);
};
