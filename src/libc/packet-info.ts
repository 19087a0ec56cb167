import { addressText } from '#dns/address.ts';
import { IPPROTO_IPV6 } from './constants.ts';
import { ipv6Text } from './socket-address.ts';

/*
 * The control message that tells which of our addresses a datagram was sent to, and the address to send from when it is given back
 * (ip(7), ipv6(7)):
 *
 *     0 length | 8 level | 12 type | 16 in6_pktinfo: address 16, interface 4
 *                                  | 16 in_pktinfo: interface 4, local address 4, destination 4
 */
const LEVEL = 8;
const DATA = 16;
/** Octets up to the end of the shorter one. */
const LEAST = DATA + 12;

const isIPv6 = (control: Uint8Array, at: number): boolean => control[at + LEVEL] === IPPROTO_IPV6;

const isLinkLocal = (control: Uint8Array, at: number): boolean =>
  isIPv6(control, at) && control[at + DATA] === 0xfe && ((control[at + DATA + 1] as number) & 0xc0) === 0x80;

/**
 * Makes a control message of a query that of its reply: the address stays, the interface is left to the routing table, since the way
 * back need not be the way it came. A link-local address says nothing without its interface.
 */
export const turnAround = (control: Uint8Array, at: number, octets: number): void => {
  if (octets < LEAST || isLinkLocal(control, at)) return;
  const from = at + DATA + (isIPv6(control, at) ? 16 : 0);
  control.fill(0, from, from + 4);
};

/** Text of our address that was asked, a link-local one with its zone; '' where there is no such control message. */
export const localAddressOf = (control: Uint8Array, at: number, octets: number): string => {
  if (octets < LEAST) return '';
  const data = at + DATA;
  if (!isIPv6(control, at)) return addressText(control.slice(data + 4, data + 8));
  const view = new DataView(control.buffer, control.byteOffset + data + 16, 4);
  return ipv6Text(control.slice(data, data + 16), isLinkLocal(control, at) ? view.getUint32(0, true) : 0);
};
