import ipaddr from 'ipaddr.js';
import type { ServicePort } from '../../model/service-port.ts';

/** Ranges of clients that may use the load balancer, without overlap, as nft lists them. */
export const allowedSources = ({
  sourceRanges,
  hasNodeInSourceRanges,
  loadBalancerIPs,
}: ServicePort): readonly string[] => {
  const own = hasNodeInSourceRanges ? loadBalancerIPs.filter((address) => !isWithin(address, sourceRanges)) : [];
  return [...new Set([...sourceRanges, ...own].map(listed))];
};

const isWithin = (address: string, ranges: readonly string[]): boolean => {
  const parsed = ipaddr.parse(address);
  return ranges.some((range) => {
    const [network, length] = ipaddr.parseCIDR(range);
    return network.kind() === parsed.kind() && parsed.match(network, length);
  });
};

/** A range of one address is listed as that address. */
const listed = (range: string): string => {
  const [address = '', length] = range.split('/');
  return length === (address.includes(':') ? '128' : '32') ? address : range;
};
