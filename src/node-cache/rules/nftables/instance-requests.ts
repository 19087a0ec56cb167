import ipaddr from 'ipaddr.js';
import {
  compare,
  type Expression,
  loadPayload,
  loadProtocol,
  lookUp,
  mask,
  NETWORK_HEADER,
  notrack,
  TRANSPORT_HEADER,
  value,
} from '#netfilter/nft/expression.ts';
import {
  longAttribute,
  NFT_TABLE_F_OWNER,
  type NftRequest,
  NLM_F_APPEND,
  NLM_F_CREATE,
  nestedAttribute,
  numberAttribute,
  textAttribute,
} from '#netfilter/nft/message.ts';
import type { LocalAddress } from '../../settings.ts';
import { ALIVE, ALIVE_MS, DRAINING, DRAINING_MS, type Family, familyNumber, PRIORITIES } from './names.ts';

/** Numbers of linux/netfilter/nf_tables.h and linux/netfilter.h. */
const NFT_MSG_NEWTABLE = 0;
const NFT_MSG_DELTABLE = 2;
const NFT_MSG_NEWCHAIN = 3;
const NFT_MSG_NEWRULE = 6;
const NFT_MSG_NEWSET = 9;
const NFT_MSG_NEWSETELEM = 12;
const NFT_MSG_DELSETELEM = 14;
const NFT_SET_TIMEOUT = 0x10;
const NFTA_LIST_ELEM = 1;
const NF_INET_PRE_ROUTING = 0;
const NF_INET_LOCAL_OUT = 3;
const NF_ACCEPT = 1;

const TCP = Buffer.from([6]);
const UDP = Buffer.from([17]);
const TCP_FLAGS_OFFSET = 13;
const SYN = Buffer.from([0x02]);
const SYN_AND_ACK = Buffer.from([0x12]);

/** Where IPv4 and IPv6 differ: nft's number of the type of an address, where the destination is. */
const LAYOUTS = {
  4: { addressType: 7, destinationOffset: 16, addressOctets: 4 },
  6: { addressType: 8, destinationOffset: 24, addressOctets: 16 },
} as const;

/** Sets have numbers within the transaction that makes them. */
const SETS = [ALIVE, DRAINING] as const;

/** The table of an instance. `instance-text.ts` says the same in nft's words. */
export interface InstanceTableName {
  readonly name: string;
  readonly dnsPort: number;
}

/** Makes the table in this family; owned by the socket, or by nobody. */
export const createRequests = (
  { name, dnsPort }: InstanceTableName,
  family: Family,
  isOwned: boolean,
): readonly NftRequest[] => {
  const rules = [queryRule(UDP, dnsPort, family), queryRule(TCP, dnsPort, family), laterSegmentRule(dnsPort, family)];
  return [
    request(NFT_MSG_NEWTABLE, family, NLM_F_CREATE, [
      textAttribute(1, name),
      numberAttribute(2, isOwned ? NFT_TABLE_F_OWNER : 0),
    ]),
    ...SETS.map((set, id) =>
      request(NFT_MSG_NEWSET, family, NLM_F_CREATE, [
        textAttribute(1, name),
        textAttribute(2, set),
        numberAttribute(3, NFT_SET_TIMEOUT),
        numberAttribute(4, LAYOUTS[family].addressType),
        numberAttribute(5, LAYOUTS[family].addressOctets),
        numberAttribute(10, id + 1),
      ]),
    ),
    ...HOOKS.flatMap(({ chain, hook }) => [
      request(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE, [
        textAttribute(1, name),
        textAttribute(3, chain),
        nestedAttribute(4, [numberAttribute(1, hook), numberAttribute(2, PRIORITIES.instance)]),
        numberAttribute(5, NF_ACCEPT),
        textAttribute(7, 'filter'),
      ]),
      ...rules.map((expressions) =>
        request(NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND, [
          textAttribute(1, name),
          textAttribute(2, chain),
          nestedAttribute(4, expressions),
        ]),
      ),
    ]),
  ];
};

export const deleteRequest = (name: string, family: Family): NftRequest =>
  request(NFT_MSG_DELTABLE, family, 0, [textAttribute(1, name)]);

/** The addresses are alive for their time from now on. What is only added keeps its old time. */
export const aliveRequests = (name: string, addresses: readonly LocalAddress[]): readonly NftRequest[] =>
  addresses.flatMap((address) => [
    addElement(name, ALIVE, address, ALIVE_MS),
    deleteElement(name, ALIVE, address),
    addElement(name, ALIVE, address, ALIVE_MS),
  ]);

/** The addresses are alive no more, and their connections go on. */
export const drainRequests = (name: string, addresses: readonly LocalAddress[]): readonly NftRequest[] =>
  addresses.flatMap((address) => [
    addElement(name, ALIVE, address, ALIVE_MS),
    deleteElement(name, ALIVE, address),
    addElement(name, DRAINING, address, DRAINING_MS),
  ]);

const HOOKS = [
  { chain: 'prerouting', hook: NF_INET_PRE_ROUTING },
  { chain: 'output', hook: NF_INET_LOCAL_OUT },
] as const;

const queryRule = (protocol: Buffer, dnsPort: number, family: Family): readonly Expression[] => [
  ...toPort(protocol, dnsPort),
  ...toAddressIn(ALIVE, family),
  notrack(),
];

const laterSegmentRule = (dnsPort: number, family: Family): readonly Expression[] => [
  ...toPort(TCP, dnsPort),
  loadPayload(TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1),
  mask(SYN_AND_ACK),
  compare(false, SYN),
  ...toAddressIn(DRAINING, family),
  notrack(),
];

const toPort = (protocol: Buffer, port: number): readonly Expression[] => [
  loadProtocol(),
  compare(true, protocol),
  loadPayload(TRANSPORT_HEADER, 2, 2),
  compare(true, Buffer.from([port >> 8, port & 255])),
];

const toAddressIn = (set: (typeof SETS)[number], family: Family): readonly Expression[] => [
  loadPayload(NETWORK_HEADER, LAYOUTS[family].destinationOffset, LAYOUTS[family].addressOctets),
  lookUp(set, SETS.indexOf(set) + 1),
];

const addElement = (table: string, set: string, { address, family }: LocalAddress, timeoutMs: number): NftRequest =>
  elementRequest(NFT_MSG_NEWSETELEM, NLM_F_CREATE, table, set, family, [
    value(1, octetsOf(address)),
    longAttribute(4, BigInt(timeoutMs)),
  ]);

const deleteElement = (table: string, set: string, { address, family }: LocalAddress): NftRequest =>
  elementRequest(NFT_MSG_DELSETELEM, 0, table, set, family, [value(1, octetsOf(address))]);

const elementRequest = (
  what: number,
  flags: number,
  table: string,
  set: string,
  family: Family,
  element: readonly Buffer[],
): NftRequest =>
  request(what, family, flags, [
    textAttribute(1, table),
    textAttribute(2, set),
    nestedAttribute(3, [nestedAttribute(NFTA_LIST_ELEM, element)]),
  ]);

const octetsOf = (address: string): Uint8Array => Uint8Array.from(ipaddr.parse(address).toByteArray());

const request = (what: number, family: Family, flags: number, body: readonly Buffer[]): NftRequest => ({
  what,
  family: familyNumber(family),
  flags,
  body,
});
