import { isIP, isIPv4 } from 'node:net';
import { addressFromText, addressText } from '#dns/address.ts';
import { readDurationMs } from '#log/duration-text.ts';
import type { LocalAddress } from '../settings.ts';

/** What a flag's text is, or what is wrong with it. */
export type Read<T> = { readonly value: T } | { readonly fault: string };

const isFault = <T>(read: Read<T>): read is { readonly fault: string } => 'fault' in read;

/** Addresses of a list with commas, each once, in its order; a fault for each word that is none. */
export const readAddresses = (text: string): { readonly addresses: LocalAddress[]; readonly faults: string[] } => {
  const addresses = new Map<string, LocalAddress>();
  const faults: string[] = [];
  for (const word of text.split(',')) {
    const read = readAddress(word.trim());
    if (isFault(read)) faults.push(read.fault);
    else addresses.set(read.value.address, read.value);
  }
  return { addresses: [...addresses.values()], faults };
};

/** An address of one host in its canonical form. */
export const readAddress = (text: string): Read<LocalAddress> => {
  if (text === '') return { fault: 'an address is missing: a comma too many, or nothing at all' };
  const octets = addressFromText(text);
  if (octets === null) {
    const hint =
      text.includes('%') && isIP(text) !== 0
        ? ': write it without "%" and what follows'
        : /[:\]]\d*$|\//.test(text)
          ? ': no port, brackets or prefix length belong here'
          : '';
    return { fault: `"${text}" is not an IP address${hint}` };
  }
  const address = addressText(octets);
  const mapped = /^::ffff:(.*\..*)$/.exec(address)?.[1];
  if (mapped !== undefined) return { fault: `"${text}" is an IPv4 address in the form of IPv6: write ${mapped}` };
  if (octets.every((octet) => octet === 0)) return { fault: `"${text}" stands for all addresses, not for one` };
  const family = isIPv4(address) ? 4 : 6;
  const first = octets[0] as number;
  if (family === 6 ? first === 0xff : first >= 224) return { fault: `"${text}" is not the address of one host` };
  return { value: { address, family } };
};

/** 169.254.0.0/16 and fe80::/10. */
export const isLinkLocal = ({ address }: LocalAddress): boolean => /^(169\.254\.|fe[89ab][0-9a-f]:)/.test(address);

/** 127.0.0.0/8 and ::1. */
export const isLoopback = ({ address }: LocalAddress): boolean => address.startsWith('127.') || address === '::1';

export const readPort = (text: string): Read<number> => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? { value: port } : { fault: `"${text}" is not a port (1 to 65535)` };
};

const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 86_400_000;

/**
 * ms of `-syncinterval`. node-cache declares a duration and then multiplies it by a second, so that manifests in use say 60ns for a minute;
 * a plain number is what its help promises.
 */
export const readInterval = (text: string): Read<number> => {
  const seconds = /^(\d+)(?:ns)?$/.exec(text)?.[1];
  // Who writes a minute as 60000000000ns means ns.
  const areSeconds = seconds !== undefined && !(text.endsWith('ns') && Number(seconds) >= 1e9);
  const ms = areSeconds ? Number(seconds) * 1000 : readDurationMs(text);
  if (ms === null) return { fault: `"${text}" is not a time: write seconds (60) or a duration (60s, 2m)` };
  if (ms < MIN_INTERVAL_MS || ms > MAX_INTERVAL_MS)
    return { fault: `"${text}" is not between 100ms and a day; a number without a unit is seconds` };
  return { value: ms };
};

/** Bits that others set on every node. */
const TAKEN_BITS: ReadonlyMap<number, string> = new Map([
  [0x4000, "kube-proxy's, for masquerading"],
  [0x8000, "kubelet's, for dropping"],
]);

/** Mask of one bit: a number up to 31 counts bits from 0, everything else is the mask. */
export const readMarkBit = (text: string): Read<number> => {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text))
    return { fault: `"${text}" is neither a bit's number (13) nor its mask (0x2000)` };
  const number = Number(text);
  const isMask = /^0x/i.test(text) || number > 31;
  const mask = isMask ? number : 2 ** number;
  if (!Number.isInteger(Math.log2(mask)) || mask > 2 ** 31)
    return { fault: `"${text}" is not exactly one of the 32 bits of a packet mark` };
  const owner = TAKEN_BITS.get(mask);
  if (owner !== undefined) return { fault: `bit 0x${mask.toString(16)} is ${owner}: take another one` };
  return { value: mask };
};

/** Name of a link: what the kernel takes (IFNAMSIZ), and no `%`, which it would put a number in for. */
export const readLinkName = (text: string): Read<string> =>
  /^[^\s/:%\p{Cc}]{1,15}$/u.test(text) && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 15
    ? { value: text }
    : { fault: `"${text}" is not a name of a link: 1 to 15 characters without blanks, "/", ":" and "%"` };

/** One of some words. */
export const readChoice = <T extends string>(text: string, choices: readonly T[]): Read<T> => {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return { value: found };
  return { fault: `"${text}" is none of ${choices.slice(0, -1).join(', ')} and ${choices.at(-1)}` };
};
