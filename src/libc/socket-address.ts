import { networkInterfaces } from 'node:os';
import { addressFromText, addressText } from '#dns/address.ts';
import { AF_INET, AF_INET6 } from './constants.ts';

/*
 *  sockaddr_in    0 family | 2 port | 4 address | 8          sockaddr_in6   0 family | 2 port | 4 flow | 8 address | 24 scope | 28
 *
 * The family is in the machine's order, port and address in network order.
 */
const IN_OCTETS = 16;
const IN6_OCTETS = 28;

/** A socket address to bind to: an IP address in text (with a zone, where it is link-local), or '' for all addresses of the family. */
export const socketAddress = (host: string, port: number, family: 4 | 6): Uint8Array => {
  const bytes = new Uint8Array(family === 6 ? IN6_OCTETS : IN_OCTETS);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family === 6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  const [address = '', zone] = host.split('%');
  const octets = address === '' ? null : addressFromText(address);
  if (address !== '' && octets === null) throw new Error(`${host} is not an IP address`);
  if (octets !== null) bytes.set(octets, family === 6 ? 8 : 4);
  if (zone !== undefined) view.setUint32(24, scopeOf(zone), true);
  return bytes;
};

const scopeOf = (zone: string): number =>
  networkInterfaces()[zone]?.find(({ scopeid }) => scopeid)?.scopeid ?? Number.parseInt(zone, 10);

/** Name of the interface with this number, which stands behind an address as dgram and Go write it; the number where it has none. */
const zoneOf = (scope: number): string =>
  Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some((address) => address.family === 'IPv6' && address.scopeid === scope),
  )?.[0] ?? `${scope}`;

const isFamily4 = (bytes: Uint8Array, at: number): boolean => bytes[at] === AF_INET;

/** True where the peer speaks IPv4, on a socket of either family (RFC 4291, section 2.5.5.2). */
export const isIPv4Peer = (bytes: Uint8Array, at: number): boolean => {
  if (isFamily4(bytes, at)) return true;
  for (let i = at + 8; i < at + 18; i++) if (bytes[i] !== 0) return false;
  return bytes[at + 18] === 0xff && bytes[at + 19] === 0xff;
};

/** Where the peer's address begins: 4 octets where `isIPv4Peer`, else 16. */
export const addressStart = (bytes: Uint8Array, at: number): number => {
  if (isFamily4(bytes, at)) return at + 4;
  return isIPv4Peer(bytes, at) ? at + 20 : at + 8;
};

export const portOf = (bytes: Uint8Array, at: number): number =>
  ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);

/** Text of the address in a socket address; a link-local one with its zone. */
export const hostOf = (bytes: Uint8Array, at: number): string => {
  if (isFamily4(bytes, at)) return addressText(bytes.slice(at + 4, at + 8));
  return ipv6Text(
    bytes.slice(at + 8, at + 24),
    new DataView(bytes.buffer, bytes.byteOffset + at + 24, 4).getUint32(0, true),
  );
};

/** Text of 16 octets; mapped ones as IPv4. */
export const ipv6Text = (octets: Uint8Array, scope: number): string => {
  const text = addressText(octets);
  const isMapped = text.startsWith('::ffff:') && text.includes('.');
  if (isMapped) return text.slice('::ffff:'.length);
  return scope === 0 ? text : `${text}%${zoneOf(scope)}`;
};
