import { addressFromText } from '#dns/address.ts';
import { type Name, tryNameFromText } from '#dns/name.ts';

/** One line of a hosts file: an address of 4 or 16 octets and its names. `badNames` are those that can't be names. */
export interface HostLine {
  readonly address: Uint8Array;
  readonly names: readonly Name[];
  readonly badNames: readonly string[];
}

/** A line as it reads; null for an empty one, a complaint for one that says nothing. */
export const readHostLine = (line: string): HostLine | { readonly complaint: string } | null => {
  const hash = line.indexOf('#');
  const words = (hash < 0 ? line : line.slice(0, hash)).trim().split(/\s+/);
  const [first, ...rest] = words;
  if (first === undefined || first === '') return null;
  const address = readAddress(first);
  if (address === null) return { complaint: `"${first}" is not an IP address` };
  if (rest.length === 0) return { complaint: `"${first}" has no name` };
  const names: Name[] = [];
  const badNames: string[] = [];
  for (const word of rest) {
    const name = tryNameFromText(word);
    if (name === null) badNames.push(word);
    else names.push(name);
  }
  return { address, names, badNames };
};

/** An address without its zone (`fe80::1%lo0`); an IPv4-mapped one is IPv4. */
const readAddress = (text: string): Uint8Array | null => {
  const percent = text.indexOf('%');
  const address = addressFromText(percent < 0 ? text : text.slice(0, percent));
  return address !== null && isMapped(address) ? address.slice(12) : address;
};

const isMapped = (address: Uint8Array): boolean =>
  address.length === 16 &&
  address[10] === 0xff &&
  address[11] === 0xff &&
  address.subarray(0, 10).every((octet) => octet === 0);
