import { NETLINK_NETFILTER } from '#libc/constants.ts';
import { loadLibc } from '#libc/libc.ts';
import { NetlinkSocket } from '#libc/netlink-socket.ts';
import type { TableName } from './ruleset.ts';
import { type NftTransaction, TransactionReader } from './transactions.ts';

/** What came since the last time. */
export interface NftNews {
  readonly transactions: readonly NftTransaction[];
  /** More came than there was room for: there were other transactions. */
  readonly isLost: boolean;
  /** Nothing more waits. */
  readonly isAll: boolean;
}

/** Tells of each transaction that touched one table. */
export interface TableEvents {
  /**
   * A bounded part of what waits to be read. The kernel tells of a transaction before it says to its process that it is done. Throws
   * SystemCallError.
   */
  read(): NftNews;
  /** What happens until `resume` is not told; what happened before can still be read. Throws SystemCallError. */
  pause(): void;
  /** Throws SystemCallError. */
  resume(): void;
  close(): void;
}

export type OpenTableEvents = (table: TableName) => Promise<TableEvents>;

/** For events of the network namespace that this process is in. Rejects with NoLibc, or SystemCallError. */
export const openTableEvents: OpenTableEvents = async (table) => {
  const libc = await loadLibc();
  return new SocketEvents(NetlinkSocket.open(libc, NETLINK_NETFILTER, RECEIVE_BUFFER_OCTETS), table);
};

/** linux/netfilter/nfnetlink.h */
const NFNLGRP_NFTABLES = 7;
/** A page of messages is one datagram; older kernels send each by itself, and it takes a KiB of the buffer. */
const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;
/** Larger than any datagram of this group. */
const DATAGRAM_OCTETS = 32 * 1024;
/** Datagrams of one turn. */
const MOST_READ = 512;

/** Reads events from a socket, which it owns. */
export class SocketEvents implements TableEvents {
  readonly #socket: NetlinkSocket;
  readonly #reader: TransactionReader;
  readonly #datagram = Buffer.alloc(DATAGRAM_OCTETS);
  #isPaused = false;
  #isLost = false;

  /** Throws SystemCallError, and has closed the socket then. */
  constructor(socket: NetlinkSocket, table: TableName) {
    this.#socket = socket;
    this.#reader = new TransactionReader(table);
    try {
      socket.join(NFNLGRP_NFTABLES);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  read(): NftNews {
    const transactions: NftTransaction[] = [];
    for (let n = 0; n < MOST_READ; n++) {
      const octets = this.#socket.receive(this.#datagram);
      if (octets === 0) return { transactions, isLost: this.#takeLost(), isAll: true };
      if (octets === 'lost') this.#isLost = true;
      else transactions.push(...this.#reader.read(this.#datagram.subarray(0, octets)));
    }
    return { transactions, isLost: false, isAll: false };
  }

  pause(): void {
    this.#socket.leave(NFNLGRP_NFTABLES);
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.join(NFNLGRP_NFTABLES);
  }

  close(): void {
    this.#socket.close();
  }

  /** What was lost came behind all that waited. The pause may have cut a transaction in two as well. */
  #takeLost(): boolean {
    const isCut = this.#isPaused && this.#reader.isWithin;
    const isLost = this.#isLost || isCut;
    if (isLost) this.#reader.reset();
    this.#isLost = false;
    return isLost;
  }
}
