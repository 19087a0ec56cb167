/** Address text and address octets, both ways. Off the hot path. */
import { isIPv4, isIPv6 } from 'node:net';

/** 4 or 16 octets of an address in text; null where it is none, or has a zone (`fe80::1%eth0`). */
export const addressFromText = (text: string): Uint8Array | null => {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return null;
  const lastColon = text.lastIndexOf(':');
  const dotted = text.includes('.') ? addressFromText(text.slice(lastColon + 1)) : null;
  const hextets = dotted === null ? text : `${text.slice(0, lastColon + 1)}${hextet(dotted, 0)}:${hextet(dotted, 2)}`;
  const [head, tail] = hextets.split('::');
  const before = head ? head.split(':') : [];
  const after = tail ? tail.split(':') : [];
  const octets = new Uint8Array(16);
  const write = (value: string, index: number): void => {
    const number = Number.parseInt(value, 16);
    octets[2 * index] = number >> 8;
    octets[2 * index + 1] = number & 0xff;
  };
  for (let i = 0; i < before.length; i++) write(before[i] as string, i);
  for (let i = 0; i < after.length; i++) write(after[i] as string, 8 - after.length + i);
  return octets;
};

const hextet = (octets: Uint8Array, at: number): string =>
  (((octets[at] as number) << 8) | (octets[at + 1] as number)).toString(16);

/** Canonical text of 4 or 16 octets: RFC 5952 for IPv6, with IPv4-mapped addresses in dotted form (its section 5). */
export const addressText = (octets: Uint8Array): string => {
  if (octets.length === 4) return octets.join('.');
  const hextets = Array.from({ length: 8 }, (_, i) => hextet(octets, 2 * i));
  if (octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 0xff && octets[11] === 0xff)
    return `::ffff:${octets.subarray(12).join('.')}`;
  const [start, length] = longestZeroRun(hextets);
  if (length < 2) return hextets.join(':');
  return `${hextets.slice(0, start).join(':')}::${hextets.slice(start + length).join(':')}`;
};

/** Start and length of the longest run of zero hextets, the first of equals. RFC 5952, section 4.2.3. */
const longestZeroRun = (hextets: readonly string[]): [number, number] => {
  let best: [number, number] = [0, 0];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && hextets[end] === '0') end++;
    if (end - start > best[1]) best = [start, end - start];
    if (end > start) start = end;
  }
  return best;
};

/** `host:port`, an IPv6 address in brackets. */
export const joinHostPort = (host: string, port: number | string): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
