import ipaddr from 'ipaddr.js';

/** Bits that cluster IPs of one range may differ in: Kubernetes allows no larger ranges. */
const RANGE_BITS = 20;

/**
 * Whether two addresses may be of one range of cluster IPs. By that a cluster IP is told from an address that an installation has made up, as IPv6 ones mostly
 * are. Text that is no address is of none.
 */
export const mayBeOfOneRange = (one: string, other: string): boolean => {
  if (!ipaddr.isValid(one) || !ipaddr.isValid(other)) return false;
  const [a, b] = [ipaddr.parse(one), ipaddr.parse(other)];
  const bits = a.kind() === 'ipv4' ? 32 : 128;
  return a.kind() === b.kind() && a.match(b, bits - RANGE_BITS);
};
