import { SystemCallError } from '#libc/errno.ts';
import type { FoundTable, NftRequest } from '#netfilter/nft/message.ts';
import { isGone, nftFailure, startNft } from '#netfilter/nft/run-nft.ts';
import type { TransactionSocket } from '#netfilter/nft/transaction-socket.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import type { LocalAddress } from '../../settings.ts';
import {
  aliveRequests,
  createRequests,
  deleteRequest,
  drainRequests,
  type InstanceTableName,
} from './instance-requests.ts';
import { aliveText, createText, deleteText, drainText } from './instance-text.ts';
import { listTables } from './list-tables.ts';
import { FAMILIES, type Family, familyNumber, nftFamily } from './names.ts';

/** Changes the table of an instance. All reject with CommandError. */
export interface InstanceWriter {
  /** Whether the kernel removes the table when this process ends; known behind `create`. */
  readonly isOwned: boolean;
  /** All tables of the node. Whether somebody owns one may not be known: `isOwned` is false then. */
  listTables(): Promise<readonly FoundTable[]>;
  create(): Promise<void>;
  /** These give false where there is no table. */
  keepAlive(addresses: readonly LocalAddress[]): Promise<boolean>;
  drain(addresses: readonly LocalAddress[]): Promise<boolean>;
  remove(): Promise<boolean>;
}

/** Speaks to the kernel itself. */
export class SocketWriter implements InstanceWriter {
  readonly #socket: TransactionSocket;
  readonly #table: InstanceTableName;
  readonly #families: readonly Family[];
  #isOwned = true;

  constructor(socket: TransactionSocket, table: InstanceTableName, families: readonly Family[]) {
    this.#socket = socket;
    this.#table = table;
    this.#families = families;
  }

  get isOwned(): boolean {
    return this.#isOwned;
  }

  async listTables(): Promise<readonly FoundTable[]> {
    try {
      return await this.#socket.listTables();
    } catch (error) {
      throw this.#asCommandError(error);
    }
  }

  async create(): Promise<void> {
    try {
      await this.#commit(this.#creation(this.#isOwned));
    } catch (error) {
      // A kernel before 5.12 does not know the flag.
      if (!isRefusal(error) || !this.#isOwned) throw error;
      this.#isOwned = false;
      await this.#commit(this.#creation(false));
    }
  }

  keepAlive(addresses: readonly LocalAddress[]): Promise<boolean> {
    return this.#commit(aliveRequests(this.#table.name, addresses));
  }

  drain(addresses: readonly LocalAddress[]): Promise<boolean> {
    return this.#commit(drainRequests(this.#table.name, addresses));
  }

  async remove(): Promise<boolean> {
    try {
      return await this.#commit(this.#families.map((family) => deleteRequest(this.#table.name, family)));
    } finally {
      this.#socket.close();
    }
  }

  #creation(isOwned: boolean): readonly NftRequest[] {
    return this.#families.flatMap((family) => createRequests(this.#table, family, isOwned));
  }

  async #commit(requests: readonly NftRequest[]): Promise<boolean> {
    try {
      await this.#socket.commit(requests);
      return true;
    } catch (error) {
      if (error instanceof SystemCallError && error.code === 'ENOENT') return false;
      throw this.#asCommandError(error);
    }
  }

  #asCommandError(error: unknown): unknown {
    if (!(error instanceof SystemCallError)) return error;
    const hint = error.code === 'EPERM' ? ' (needs root, or the capability NET_ADMIN)' : '';
    return new CommandError('nft', null, `${error.message}: table ${this.#table.name}${hint}`, error);
  }
}

const EINVAL = 22;
const EOPNOTSUPP = 95;

const isRefusal = (error: unknown): boolean =>
  error instanceof CommandError &&
  error.cause instanceof SystemCallError &&
  [EINVAL, EOPNOTSUPP].includes(error.cause.errno);

/** Has nft do it, which reads all rules of the node each time. Nobody owns the table. */
export class TextWriter implements InstanceWriter {
  readonly isOwned = false;
  readonly #run: Run;
  readonly #table: InstanceTableName;
  readonly #families: readonly Family[];

  constructor(run: Run, table: InstanceTableName, families: readonly Family[]) {
    this.#run = run;
    this.#table = table;
    this.#families = families;
  }

  async listTables(): Promise<readonly FoundTable[]> {
    const tables = await listTables(this.#run, FAMILIES);
    return tables.map(({ family, name }) => ({ family: familyNumber(family), name, isOwned: false }));
  }

  async create(): Promise<void> {
    await this.#write(this.#families.map((family) => createText(this.#table, family)).join(''));
  }

  keepAlive(addresses: readonly LocalAddress[]): Promise<boolean> {
    return this.#write(aliveText(this.#table.name, addresses));
  }

  drain(addresses: readonly LocalAddress[]): Promise<boolean> {
    return this.#write(drainText(this.#table.name, addresses));
  }

  /** Some may be gone already. */
  remove(): Promise<boolean> {
    const { name } = this.#table;
    return this.#write(
      this.#families.map((family) => `add table ${nftFamily(family)} ${name}\n${deleteText(name, family)}`).join(''),
    );
  }

  async #write(text: string): Promise<boolean> {
    const args = ['-f', '-'];
    const result = await startNft(this.#run, args, text);
    if (result.exitCode === 0) return true;
    if (isGone(result)) return false;
    throw nftFailure(args, result);
  }
}
