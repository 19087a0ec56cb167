import type { NetworkInterfaceInfo } from 'node:os';
import { addressFromText } from '#dns/address.ts';
import { octetsOf } from '#kube/store.ts';

/** An address that this server answers at. */
export interface OwnAddress {
  /** Canonical text, as EndpointSlices spell it. */
  readonly text: string;
  readonly octets: Uint8Array;
}

export type NetworkInterfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

const isLoopback = (octets: Uint8Array): boolean =>
  octets.length === 4 ? octets[0] === 127 : octets.every((octet, i) => octet === (i === 15 ? 1 : 0));

const isUnspecified = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

const ownAddresses = (texts: readonly string[]): OwnAddress[] => {
  const addresses: OwnAddress[] = [];
  for (const text of texts) {
    const octets = octetsOf(text);
    if (octets !== null && !isLoopback(octets)) addresses.push({ text, octets });
  }
  return addresses;
};

/**
 * This server's addresses without loopback: those it is bound to, else those of all interfaces, link-local ones included
 * (CoreDNS: plugin/kubernetes/local.go).
 */
export const findOwnAddresses = (listenHosts: readonly string[], interfaces: NetworkInterfaces): OwnAddress[] => {
  const isBound = listenHosts.some((host) => {
    const octets = addressFromText(host);
    return octets !== null && !isUnspecified(octets);
  });
  if (isBound) return ownAddresses(listenHosts);
  return ownAddresses(Object.values(interfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
};
