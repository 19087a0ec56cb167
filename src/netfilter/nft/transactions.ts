import { attributeIn, messagesIn } from '#libc/netlink-message.ts';
import type { TableFamily, TableName } from './ruleset.ts';

/** A transaction that somebody has committed, and that touched the table. */
export interface NftTransaction {
  /** Port of the socket it came by: mostly the number of its process, as the process itself knows it. */
  readonly port: number;
  /** Number of its process as the machine counts: another one than `port` where the process is in a namespace of process numbers. */
  readonly pid: number;
  readonly processName: string;
  /** The first thing that it did to the table: `deletes chain cluster-3`. */
  readonly text: string;
}

/** Numbers of linux/netfilter/nfnetlink.h and linux/netfilter/nf_tables.h. */
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFTA_GEN_PROC_PID = 2;
const NFTA_GEN_PROC_NAME = 3;
/** The table's name, in messages about all but generations. */
const NFTA_TABLE = 1;
const FAMILY_NUMBERS: Readonly<Record<TableFamily, number>> = { ip: 2, ip6: 10 };

/** What a message says, by its number, and which attribute has the name that belongs to it. */
const CHANGES: ReadonlyMap<number, { readonly words: string; readonly nameAttribute: number }> = new Map([
  [0, { words: 'adds the table', nameAttribute: NFTA_TABLE }],
  [2, { words: 'deletes the table', nameAttribute: NFTA_TABLE }],
  [3, { words: 'adds chain', nameAttribute: 3 }],
  [5, { words: 'deletes chain', nameAttribute: 3 }],
  [6, { words: 'adds rules to', nameAttribute: 2 }],
  [8, { words: 'deletes rules of', nameAttribute: 2 }],
  [9, { words: 'adds set', nameAttribute: 2 }],
  [11, { words: 'deletes set', nameAttribute: 2 }],
  [12, { words: 'adds elements to', nameAttribute: 2 }],
  [14, { words: 'deletes elements of', nameAttribute: 2 }],
]);
/** Objects and flow tables, which we have none of. */
const OTHER_CHANGE = { words: 'changes', nameAttribute: 2 };

const MESSAGE_HEADER_OCTETS = 20;

/**
 * Reads what the kernel tells of transactions (netlink(7), linux/netfilter/nfnetlink.h). A message is
 *
 *     0 length 4 | 4 what 1 | 5 subsystem 1 | 6 flags 2 | 8 sequence 4 | 12 port 4 | 16 family 1 | 17 version 1 | 18 2 | 20 attributes
 *
 * and an attribute `0 length 2 | 2 number 2 | 4 value`, padded to four octets. One message for each thing that was changed; the last of a
 * transaction is that of the new generation, which tells whose it was.
 */
export class TransactionReader {
  readonly #family: number;
  readonly #name: string;
  /** Of the transaction that goes on: what it did to the table, '' where it did nothing so far. */
  #text = '';

  constructor(table: TableName) {
    this.#family = FAMILY_NUMBERS[table.family];
    this.#name = table.name;
  }

  /** True where messages about the table came and the end of their transaction did not yet. */
  get isWithin(): boolean {
    return this.#text !== '';
  }

  /** Takes a datagram; gives the transactions that end in it and touched the table. */
  read(datagram: Buffer): readonly NftTransaction[] {
    const ended: NftTransaction[] = [];
    for (const message of messagesIn(datagram, MESSAGE_HEADER_OCTETS)) {
      const transaction = this.#readMessage(message);
      if (transaction !== undefined) ended.push(transaction);
    }
    return ended;
  }

  /** Forgets a transaction whose end was lost. */
  reset(): void {
    this.#text = '';
  }

  #readMessage(message: Buffer): NftTransaction | undefined {
    if (message[5] !== NFNL_SUBSYS_NFTABLES) return undefined;
    const what = message[4] as number;
    if (what === NFT_MSG_NEWGEN) return this.#finish(message);
    if (this.isWithin || message[16] !== this.#family) return undefined;
    if (nameIn(message, NFTA_TABLE) !== this.#name) return undefined;
    const { words, nameAttribute } = CHANGES.get(what) ?? OTHER_CHANGE;
    this.#text = `${words} ${nameIn(message, nameAttribute)}`;
    return undefined;
  }

  #finish(message: Buffer): NftTransaction | undefined {
    const text = this.#text;
    if (text === '') return undefined;
    this.#text = '';
    const pid = attributeIn(message, MESSAGE_HEADER_OCTETS, NFTA_GEN_PROC_PID);
    return {
      port: message.readUInt32LE(12),
      // Numbers in attributes of netfilter are in network order.
      pid: pid !== undefined && pid.length >= 4 ? pid.readUInt32BE(0) : 0,
      processName: nameIn(message, NFTA_GEN_PROC_NAME),
      text,
    };
  }
}

/** Text of an attribute, without the 0 at its end; '' where there is none. */
const nameIn = (message: Buffer, wanted: number): string => {
  const value = attributeIn(message, MESSAGE_HEADER_OCTETS, wanted) ?? Buffer.alloc(0);
  const end = value.indexOf(0);
  return value.toString('latin1', 0, end < 0 ? value.length : end);
};
