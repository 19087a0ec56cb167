import ipaddr from 'ipaddr.js';
import { canonicalAddress } from './address-range.ts';

/** An address or range as a manifest has it. */
export interface AddressReading {
  /** What is meant, in one text for each; null where it can't be told. */
  readonly meant: string | null;
  /** What is wrong with the text, to be put behind it; '' for nothing. */
  readonly problem: string;
}

/** An address; one with leading zeros is read as decimal, as API servers did when they still took such. */
export const readAddress = (text: string): AddressReading => {
  const canonical = canonicalAddress(text);
  if (canonical !== null) return { meant: canonical, problem: '' };
  const meant = canonicalAddress(withoutZeros(text));
  return meant === null ? { meant, problem: 'is not an IP address' } : { meant, problem: zeros(meant) };
};

/** A range of addresses; the bits behind the prefix are taken as they are. */
export const readCidr = (text: string): AddressReading => {
  const at = text.indexOf('/');
  const { meant: address, problem } = readAddress(text.slice(0, at));
  const prefix = text.slice(at + 1);
  const maxBits = address?.includes(':') === true ? 128 : 32;
  if (at < 0 || address === null || !/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > maxBits)
    return { meant: null, problem: 'is not a range of addresses such as 192.0.2.0/24' };
  const meant = `${address}/${prefix}`;
  return { meant, problem: problem === '' ? '' : zeros(meant) };
};

/** The range as it begins: 10.96.0.0/12 for 10.97.1.2/12. `cidr` is a range. */
export const networkOf = (cidr: string): string => {
  const [, prefix] = cidr.split('/');
  const network = cidr.includes(':')
    ? ipaddr.IPv6.networkAddressFromCIDR(cidr).toRFC5952String()
    : ipaddr.IPv4.networkAddressFromCIDR(cidr).toString();
  return `${network}/${prefix}`;
};

const withoutZeros = (text: string): string =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text) ? text.split('.').map(Number).join('.') : text;

const zeros = (meant: string): string => `has leading zeros: write ${meant}`;
