import { attributeIn, messagesIn, padded } from '#libc/netlink-message.ts';

/** Numbers of linux/netlink.h and linux/netfilter/nfnetlink.h. */
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
const NLM_F_DUMP = 0x300;
const NLA_F_NESTED = 0x8000;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETTABLE = 1;
const NFTA_TABLE_NAME = 1;
const NFTA_TABLE_FLAGS = 2;
export const NFT_TABLE_F_OWNER = 2;
const HEADER_OCTETS = 20;
const ATTRIBUTE_HEADER_OCTETS = 4;

/** A part of a message; several make its body. */
export type Attribute = Buffer;

/** What is asked of the kernel, without its number in the transaction. */
export interface NftRequest {
  /** NFT_MSG_* of linux/netfilter/nf_tables.h. */
  readonly what: number;
  /** NFPROTO_*: 2 IPv4, 10 IPv6. */
  readonly family: number;
  /** NLM_F_*, besides those that every message has. */
  readonly flags: number;
  readonly body: readonly Attribute[];
}

/** `0 length 2 | 2 number 2 | 4 value`, padded to four octets. */
export const attribute = (number: number, value: Uint8Array): Attribute => {
  const octets = ATTRIBUTE_HEADER_OCTETS + value.length;
  const buffer = Buffer.alloc(padded(octets));
  buffer.writeUInt16LE(octets, 0);
  buffer.writeUInt16LE(number, 2);
  buffer.set(value, ATTRIBUTE_HEADER_OCTETS);
  return buffer;
};

export const textAttribute = (number: number, text: string): Attribute =>
  attribute(number, Buffer.from(`${text}\0`, 'latin1'));

/** Numbers in attributes of netfilter are in network order. */
export const numberAttribute = (number: number, value: number): Attribute => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value | 0);
  return attribute(number, buffer);
};

export const longAttribute = (number: number, value: bigint): Attribute => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(value);
  return attribute(number, buffer);
};

export const nestedAttribute = (number: number, parts: readonly Attribute[]): Attribute =>
  attribute(number | NLA_F_NESTED, Buffer.concat(parts));

/**
 * The datagram of one transaction: all of the requests happen, or none. The last is acknowledged, by its place (from 1), and so is each that is refused.
 *
 *     0 length 4 | 4 what 1 | 5 subsystem 1 | 6 flags 2 | 8 sequence 4 | 12 port 4 | 16 family 1 | 17 version 1 | 18 resource 2 | 20 attributes
 */
export const transactionDatagram = (requests: readonly NftRequest[]): Buffer =>
  Buffer.concat([
    message(NFNL_MSG_BATCH_BEGIN, 0, 0, 0, NFNL_SUBSYS_NFTABLES, []),
    ...requests.map(({ what, family, flags, body }, n) => {
      const ack = n === requests.length - 1 ? NLM_F_ACK : 0;
      return message((NFNL_SUBSYS_NFTABLES << 8) | what, flags | ack, n + 1, family, 0, body);
    }),
    message(NFNL_MSG_BATCH_END, 0, requests.length + 1, 0, NFNL_SUBSYS_NFTABLES, []),
  ]);

const message = (
  type: number,
  flags: number,
  sequence: number,
  family: number,
  resource: number,
  body: readonly Attribute[],
): Buffer => {
  const header = Buffer.alloc(HEADER_OCTETS);
  header.writeUInt32LE(
    body.reduce((sum, part) => sum + part.length, HEADER_OCTETS),
    0,
  );
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(NLM_F_REQUEST | flags, 6);
  header.writeUInt32LE(sequence, 8);
  header[16] = family;
  header.writeUInt16BE(resource, 18);
  return Buffer.concat([header, ...body]);
};

/** The datagram that asks for all tables of all families. */
export const listTablesDatagram = (): Buffer =>
  message((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, NLM_F_DUMP, 1, 0, 0, []);

/** A table, without what is in it. */
export interface FoundTable {
  /** NFPROTO_*. */
  readonly family: number;
  readonly name: string;
  /** Whether it goes with the socket that made it. */
  readonly isOwned: boolean;
}

/** The tables in a datagram of the kernel's answer. */
export const readTables = (datagram: Buffer): readonly FoundTable[] =>
  [...messagesIn(datagram, HEADER_OCTETS)]
    .filter((each) => each.readUInt16LE(4) === NFNL_SUBSYS_NFTABLES << 8)
    .map((each) => {
      const flags = attributeIn(each, HEADER_OCTETS, NFTA_TABLE_FLAGS);
      const name = attributeIn(each, HEADER_OCTETS, NFTA_TABLE_NAME)?.toString('latin1').replace(/\0$/, '') ?? '';
      const isOwned = flags !== undefined && (flags.readUInt32BE(0) & NFT_TABLE_F_OWNER) !== 0;
      return { family: each[16] ?? 0, name, isOwned };
    });

const NLMSG_ERROR = 2;

/** The faults (positive errno) that a datagram from the kernel tells of, 0 for an acknowledgement, in order. */
export const readFaults = (datagram: Buffer): readonly number[] =>
  [...messagesIn(datagram, HEADER_OCTETS)]
    .filter((each) => each.readUInt16LE(4) === NLMSG_ERROR)
    .map((each) => -each.readInt32LE(16) || 0);
