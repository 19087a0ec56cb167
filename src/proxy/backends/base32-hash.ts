import { hash } from 'node:crypto';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first characters of a text's SHA-256 in base32 (RFC 4648), as kube-proxy names chains: 50 at most. */
export const base32Hash = (text: string, length: number): string => {
  const digest = hash('sha256', text, 'buffer');
  let name = '';
  for (let bit = 0; bit < length * 5; bit += 5) {
    const word = digest.readUInt16BE(bit >> 3);
    name += ALPHABET[(word >> (11 - (bit & 7))) & 31];
  }
  return name;
};
