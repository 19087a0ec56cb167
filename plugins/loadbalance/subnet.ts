import { addressFromText } from '#dns/address.ts';

/** A prefix: 4 or 16 octets of which the first `bits` bits count. */
export interface Subnet {
  readonly octets: Uint8Array;
  readonly bits: number;
}

/** Reads CIDR notation; null where it is none. */
export const readSubnet = (text: string): Subnet | null => {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const octets = match === null ? null : addressFromText(match[1] as string);
  const bits = Number(match?.[2]);
  return octets === null || bits > octets.length * 8 ? null : { octets, bits };
};

/** True where an address of the same family is in the subnet. */
export const isInSubnet = (address: Uint8Array, { octets, bits }: Subnet): boolean => {
  if (address.length !== octets.length) return false;
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== octets[i]) return false;
  const rest = bits & 7;
  return rest === 0 || ((address[whole] as number) ^ (octets[whole] as number)) >> (8 - rest) === 0;
};
