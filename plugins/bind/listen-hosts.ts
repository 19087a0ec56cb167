import { isIP } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Directive, Faults, OptionLine, Token } from '#corefile/tree.ts';
import { addressFromText, addressText } from '#dns/address.ts';

/** Interfaces by name, as `os.networkInterfaces()` gives them: those that are down or have no address are absent. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Addresses of all occurrences of `bind ADDRESS|INTERFACE... { except ADDRESS|INTERFACE... }`, in their order, each once. */
export const readListenHosts = (directive: Directive, interfaces: Interfaces, faults: Faults): string[] => {
  const hosts = new Map<string, string>();
  for (const { name, args, body } of directive.occurrences) {
    if (args.length === 0) faults.add('at least one address or interface name is expected', name);
    const except = new Set((body ?? []).flatMap((line) => readExcept(line, interfaces, faults)));
    const left = addressesOf(args, interfaces, faults).filter((host) => !except.has(host));
    // An empty list stands for all addresses elsewhere, which is the last thing meant here.
    if (args.length > 0 && left.length === 0) faults.add('no address is left to listen on', name);
    for (const host of left) if (!hosts.has(addressKey(host))) hosts.set(addressKey(host), host);
  }
  return [...hosts.values()];
};

/** Equal for two spellings of an address. */
const addressKey = (host: string): string => {
  const octets = addressFromText(host);
  return octets === null ? host : addressText(octets);
};

const readExcept = (line: OptionLine, interfaces: Interfaces, faults: Faults): string[] => {
  if (line.name.text !== 'except') {
    faults.add(`invalid option "${line.name.text}"`, line.name);
    return [];
  }
  if (line.args.length === 0)
    faults.add('at least one address or interface must be given to except subdirective', line.name);
  return addressesOf(line.args, interfaces, faults);
};

const addressesOf = (words: readonly Token[], interfaces: Interfaces, faults: Faults): string[] =>
  words.flatMap((word) => {
    const addresses = interfaces[word.text];
    if (addresses !== undefined) return addresses.map((address) => withScope(address, word.text));
    if (isIP(word.text) === 0) {
      const known = Object.keys(interfaces).join(', ');
      faults.add(
        `not a valid IP address or interface name: "${word.text}"`,
        word,
        `interfaces with addresses: ${known}`,
      );
    }
    return word.text;
  });

/** A link-local IPv6 address is of use only with its interface. */
const withScope = ({ address, family }: NetworkInterfaceInfo, name: string): string =>
  family === 'IPv6' && /^(?:fe[89ab]|ff)/i.test(address) && !address.includes('%') ? `${address}%${name}` : address;
