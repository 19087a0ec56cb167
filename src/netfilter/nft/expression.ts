import { type Attribute, attribute, nestedAttribute, numberAttribute, textAttribute } from './message.ts';

/**
 * Expressions of a rule as the kernel has them (linux/netfilter/nf_tables.h): they load a part of the packet into a register, of which only the first is used
 * here, and go on while what they find there is as it should be.
 */
export type Expression = Attribute;

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const REGISTER = 1;

/** Part of the packet that an offset counts from. */
export const NETWORK_HEADER = 1;
export const TRANSPORT_HEADER = 2;

const NFT_META_L4PROTO = 16;

export const loadProtocol = (): Expression =>
  expression('meta', [numberAttribute(1, REGISTER), numberAttribute(2, NFT_META_L4PROTO)]);

export const loadPayload = (base: number, offset: number, octets: number): Expression =>
  expression('payload', [
    numberAttribute(1, REGISTER),
    numberAttribute(2, base),
    numberAttribute(3, offset),
    numberAttribute(4, octets),
  ]);

export const mask = (bits: Uint8Array): Expression =>
  expression('bitwise', [
    numberAttribute(1, REGISTER),
    numberAttribute(2, REGISTER),
    numberAttribute(3, bits.length),
    value(4, bits),
    value(5, new Uint8Array(bits.length)),
  ]);

export const compare = (is: boolean, to: Uint8Array): Expression =>
  expression('cmp', [numberAttribute(1, REGISTER), numberAttribute(2, is ? 0 : 1), value(3, to)]);

/** `id`: number of the set in this transaction, where it is made in it. */
export const lookUp = (set: string, id: number): Expression =>
  expression('lookup', [textAttribute(1, set), numberAttribute(2, REGISTER), numberAttribute(4, id)]);

export const notrack = (): Expression => expression('notrack', []);

/** An octet string as an attribute that holds one. */
export const value = (number: number, octets: Uint8Array): Attribute =>
  nestedAttribute(number, [attribute(NFTA_DATA_VALUE, octets)]);

const expression = (name: string, parts: readonly Attribute[]): Expression =>
  nestedAttribute(NFTA_LIST_ELEM, [textAttribute(NFTA_EXPR_NAME, name), nestedAttribute(NFTA_EXPR_DATA, parts)]);
