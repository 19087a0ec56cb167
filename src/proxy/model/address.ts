import ipaddr from 'ipaddr.js';
import type { IpFamily } from '../rule-options.ts';

/**
 * An address in its one spelling (RFC 5952 for IPv6); null where the text is none, or one of the other family.
 * Leading zeros are decimal here, as kube-proxy has it: old objects may hold them, and an octal reading would send traffic elsewhere.
 */
export const canonicalAddress = (text: string, family: IpFamily): string | null => {
  // Nearly all are what they should be, and half of the questions are about the other family.
  if (!text.includes(':') && (family === 'IPv6' || CANONICAL_V4.test(text))) return family === 'IPv6' ? null : text;
  const address = parseAddress(text);
  if (address === null || familyOf(address) !== family) return null;
  return address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString();
};

/** A range with its host bits cleared; null where the text is none, or one of the other family. */
export const canonicalRange = (text: string, family: IpFamily): AddressRange | null => {
  const [network = '', bits = '', ...rest] = text.trim().split('/');
  if (rest.length > 0 || !/^\d{1,4}$/.test(bits)) return null;
  const address = parseAddress(network);
  if (address === null || familyOf(address) !== family) return null;
  const octets = address.toByteArray();
  const prefix = Number(bits);
  if (prefix > octets.length * 8) return null;
  const cleared = octets.map((octet, index) => octet & octetMask(prefix - index * 8));
  const base = ipaddr.fromByteArray(cleared);
  const shown = base.kind() === 'ipv6' ? (base as ipaddr.IPv6).toRFC5952String() : base.toString();
  return { text: `${shown}/${prefix}`, octets: cleared, prefix };
};

export interface AddressRange {
  readonly text: string;
  readonly octets: readonly number[];
  /** Bits that are fixed. */
  readonly prefix: number;
}

/** Whether one range holds all of another of the same family. */
export const contains = (outer: AddressRange, inner: AddressRange): boolean =>
  outer.prefix <= inner.prefix &&
  outer.octets.every((octet, index) => {
    const mask = octetMask(outer.prefix - index * 8);
    return (octet & mask) === ((inner.octets[index] ?? 0) & mask);
  });

/** Whether a range holds an address; both canonical, of one family. */
export const holds = (range: string, address: string): boolean => {
  const family: IpFamily = address.includes(':') ? 'IPv6' : 'IPv4';
  const outer = canonicalRange(range, family);
  const inner = canonicalRange(`${address}/${family === 'IPv4' ? 32 : 128}`, family);
  return outer !== null && inner !== null && contains(outer, inner);
};

/** `address:port` as kube-proxy writes it: what endpoints are sorted by. */
export const addressAndPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

const CANONICAL_V4 = /^(?:(?:[1-9]?\d|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/;

const parseAddress = (text: string): ipaddr.IPv4 | ipaddr.IPv6 | null => {
  if (!text.includes(':')) return parseV4(text);
  // A zone is no part of an address that is routed to.
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  // Go, and so kube-proxy, takes ::ffff:1.2.3.4 for 1.2.3.4.
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
};

const parseV4 = (text: string): ipaddr.IPv4 | null => {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) <= 255)) return null;
  return new ipaddr.IPv4(parts.map(Number));
};

const familyOf = (address: ipaddr.IPv4 | ipaddr.IPv6): IpFamily => (address.kind() === 'ipv6' ? 'IPv6' : 'IPv4');

/** The octet of a mask that has so many bits left from here on. */
const octetMask = (bits: number): number => (bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff << (8 - bits)) & 0xff);
