import { NETLINK_NETFILTER } from '#libc/constants.ts';
import { SystemCallError } from '#libc/errno.ts';
import { loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import {
  type FoundTable,
  listTablesDatagram,
  type NftRequest,
  readFaults,
  readTables,
  transactionDatagram,
} from './message.ts';

/** Changes rules without nft: what that lists of the whole ruleset before each change costs a node with many Services a tenth of a second. */
export interface TransactionSocket {
  /** All of it, or nothing, after what was committed before. Rejects with SystemCallError. */
  commit(requests: readonly NftRequest[]): Promise<void>;
  /** Tables of all families. nft reads all that is in them for the same answer. Rejects with SystemCallError. */
  listTables(): Promise<readonly FoundTable[]>;
  /** Tables that it owns (NFT_TABLE_F_OWNER) go with it. */
  close(): void;
}

export type OpenTransactionSocket = () => Promise<TransactionSocket>;

/** In the network namespace that this process is in. Rejects with NoLibc, or SystemCallError. */
export const openTransactionSocket: OpenTransactionSocket = async () => {
  const libc = await loadLibc();
  return new KernelTransactions(NetlinkSocket.open(libc, NETLINK_NETFILTER, RECEIVE_BUFFER_OCTETS));
};

const RECEIVE_BUFFER_OCTETS = 256 * 1024;
const DATAGRAM_OCTETS = 32 * 1024;
const EIO = 5;

/** Commits by a socket, which it owns. */
export class KernelTransactions implements TransactionSocket {
  readonly #socket: NetlinkSocket;
  readonly #datagram = Buffer.alloc(DATAGRAM_OCTETS);
  #last: Promise<unknown> = Promise.resolve();

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  async commit(requests: readonly NftRequest[]): Promise<void> {
    const faults = (await this.#exchange(transactionDatagram(requests))).flatMap(readFaults);
    const fault = faults.find((errno) => errno !== 0);
    if (fault !== undefined) throw new SystemCallError('nftables', fault);
    // Nothing said no, and nothing yes.
    if (faults.length === 0) throw new SystemCallError('nftables', EIO);
  }

  async listTables(): Promise<readonly FoundTable[]> {
    const datagrams = await this.#exchange(listTablesDatagram());
    const fault = datagrams.flatMap(readFaults).find((errno) => errno !== 0);
    if (fault !== undefined) throw new SystemCallError('nftables', fault);
    return datagrams.flatMap(readTables);
  }

  close(): void {
    this.#socket.close();
  }

  #exchange(datagram: Buffer): Promise<readonly Buffer[]> {
    const replies = this.#last.then(async () => {
      await this.#socket.send(datagram);
      return this.#read();
    });
    this.#last = replies.catch(() => undefined);
    return replies;
  }

  /** The kernel has said all that it has to say before it takes the next datagram. */
  #read(): readonly Buffer[] {
    const datagrams: Buffer[] = [];
    for (;;) {
      const octets = this.#socket.receive(this.#datagram);
      if (octets === 0) return datagrams;
      if (octets !== 'lost') datagrams.push(Buffer.from(this.#datagram.subarray(0, octets)));
    }
  }
}
