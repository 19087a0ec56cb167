import { addressFromText } from './address.ts';
import { labelsOf, type Name, nameFromText } from './name.ts';

/** Bits that one label of a reverse name stands for (RFC 1035 section 3.5, RFC 3596 section 2.5). */
const labelBits = (octets: Uint8Array): 8 | 4 => (octets.length === 4 ? 8 : 4);

/** Labels of an address from the most significant on. */
const reverseLabels = (octets: Uint8Array): string[] =>
  octets.length === 4
    ? Array.from(octets, String)
    : Array.from(octets).flatMap((octet) => [(octet >> 4).toString(16), (octet & 15).toString(16)]);

const reverseName = (octets: Uint8Array, labels: number): Name =>
  nameFromText(
    [...reverseLabels(octets).slice(0, labels).reverse(), octets.length === 4 ? 'in-addr' : 'ip6', 'arpa'].join('.'),
  );

/** Name that the PTR records of an address of 4 or 16 octets stand at. */
export const reverseNameOf = (address: Uint8Array): Name =>
  reverseName(address, (address.length * 8) / labelBits(address));

const IN_ADDR = '\x07in-addr\x04arpa\0';
const IP6 = '\x03ip6\x04arpa\0';
const DECIMAL_OCTET = /^(?:0|[1-9]\d{0,2})$/;
const NIBBLE = /^[\da-f]$/;

/** Address that a full reverse name stands for, 4 or 16 octets; null where it is none. */
export const addressFromReverseName = (name: Name): Uint8Array | null => {
  if (name.endsWith(IN_ADDR)) {
    const labels = labelsOf(name).slice(0, -2).reverse();
    if (labels.length !== 4 || !labels.every((label) => DECIMAL_OCTET.test(label) && Number(label) < 256)) return null;
    return Uint8Array.from(labels, Number);
  }
  if (!name.endsWith(IP6)) return null;
  const nibbles = labelsOf(name).slice(0, -2).reverse();
  if (nibbles.length !== 32 || !nibbles.every((label) => NIBBLE.test(label))) return null;
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(`${nibbles[2 * i]}${nibbles[2 * i + 1]}`, 16));
};

/**
 * Reverse zones that a prefix (`10.0.0.0/8`, `fd00::/48`) covers exactly: one, or as many as it takes where it does not end at a
 * label's edge (a /18 gives 64 zones). Null where the text is no prefix. CoreDNS: plugin/pkg/cidr.
 */
export const reverseZonesOf = (prefix: string): Name[] | null => {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(prefix);
  const octets = match === null ? null : addressFromText(match[1] as string);
  const bits = Number(match?.[2]);
  if (octets === null || bits > octets.length * 8) return null;
  const step = labelBits(octets);
  const labels = Math.ceil(bits / step);
  const free = labels * step - bits;
  const at = ((labels - 1) * step) >> 3;
  const shift = step === 8 || labels % 2 === 0 ? 0 : 4;
  const zones: Name[] = [];
  for (let i = 0; i < 1 << free; i++) {
    const subnet = Uint8Array.from(octets);
    if (free > 0) {
      const field = ((octets[at] as number) >> shift) & (step === 8 ? 255 : 15);
      const kept = (field >> free) << free;
      subnet[at] = step === 8 ? kept | i : ((kept | i) << shift) | ((octets[at] as number) & (shift === 4 ? 0 : 0xf0));
    }
    zones.push(reverseName(subnet, labels));
  }
  return zones;
};
