import ipaddr from 'ipaddr.js';

/** An address in canonical text: RFC 5952 for IPv6. Throws on what is none. */
export const addressOf = (text: string): string => {
  const address = ipaddr.parse(text);
  return address.kind() === 'ipv6' ? (address as ipaddr.IPv6).toRFC5952String() : address.toString();
};

/** Whether an address in canonical text is in a range, or is the one address that stands in place of a range. */
export const isInRange = (address: string, range: string): boolean => {
  const slash = range.indexOf('/');
  if (slash < 0) return address === range || (address.includes(':') && address === addressOf(range));
  if (address.includes(':') !== range.includes(':')) return false;
  const [network, bits] = ipaddr.parseCIDR(range);
  return ipaddr.parse(address).match(network, bits);
};

/** Every machine has these, whether it names them or not. */
export const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';
