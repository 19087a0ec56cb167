import { RecordTextError } from './text-fields.ts';

const DIGITS = '0123456789abcdefghijklmnopqrstuv';

/** Base32 with the extended hex alphabet, without padding, as NSEC3 writes owner hashes. RFC 4648, section 7; RFC 5155, section 3.3. */
export const base32hexFromOctets = (octets: Uint8Array): string => {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    for (bits += 8; bits >= 5; bits -= 5) text += DIGITS[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + DIGITS[(held << (5 - bits)) & 31] : text;
};

/** Undoes `base32hexFromOctets`; case and padding do not matter. Throws RecordTextError. */
export const octetsFromBase32hex = (text: string): Buffer => {
  const octets: number[] = [];
  let bits = 0;
  let held = 0;
  for (const char of text.replace(/=+$/, '').toLowerCase()) {
    const value = DIGITS.indexOf(char);
    if (value < 0) throw new RecordTextError(`"${text}" is not base32`);
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    octets.push((held >> bits) & 0xff);
  }
  return Buffer.from(octets);
};
