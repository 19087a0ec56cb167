import ipaddr from 'ipaddr.js';

/** What addresses are allotted from. */
export interface AddressRange {
  readonly family: 'IPv4' | 'IPv6';
  readonly cidr: string;
  /** First address that is given out. */
  readonly first: bigint;
  /** How many are given out. */
  readonly size: bigint;
}

/** The addresses of a CIDR that may be given out: never the first, and in IPv4 never the last; null where it is no CIDR. */
export const addressRange = (cidr: string): AddressRange | null => {
  if (!ipaddr.isValidCIDR(cidr)) return null;
  const [address, bits] = ipaddr.parseCIDR(cidr);
  const isV4 = address.kind() === 'ipv4';
  const hostBits = BigInt((isV4 ? 32 : 128) - bits);
  const network = (toNumber(address.toByteArray()) >> hostBits) << hostBits;
  const total = 1n << hostBits;
  const size = total - (isV4 ? 2n : 1n);
  return size < 1n ? null : { family: isV4 ? 'IPv4' : 'IPv6', cidr, first: network + 1n, size };
};

/**
 * A free address for `key`, the same in every run: where its hash points, or the next free one; null when all are taken.
 * Marks it as taken.
 */
export const allotAddress = (range: AddressRange, key: string, taken: Set<string>): string | null => {
  const start = BigInt(hash(key)) % range.size;
  const tries = range.size < BigInt(taken.size + 1) ? Number(range.size) : taken.size + 1;
  for (let step = 0; step < tries; step++) {
    const address = toText(range.first + ((start + BigInt(step)) % range.size), range.family);
    if (taken.has(address)) continue;
    taken.add(address);
    return address;
  }
  return null;
};

/** One text for each address, however it was written; null where it is none. */
export const canonicalAddress = (text: string): string | null => {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text).toRFC5952String() : null;
};

/** The family of an address that is valid. */
export const familyOf = (address: string): 'IPv4' | 'IPv6' => (address.includes(':') ? 'IPv6' : 'IPv4');

/** FNV-1a, 32 bits, with a last mix so that names which differ in one character spread. */
export const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
};

const toNumber = (bytes: readonly number[]): bigint => bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);

const toText = (value: bigint, family: 'IPv4' | 'IPv6'): string => {
  const length = family === 'IPv4' ? 4 : 16;
  const bytes: number[] = [];
  for (let index = length - 1; index >= 0; index--) bytes.push(Number((value >> BigInt(index * 8)) & 0xffn));
  const address = ipaddr.fromByteArray(bytes);
  return address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString();
};
