import type { Service } from '#kube/objects/service.ts';
import type { IpFamily } from '../rule-options.ts';
import { canonicalAddress } from './address.ts';
import { disjointRanges } from './disjoint-ranges.ts';
import { isPlainName } from './plain-name.ts';

/** Where traffic for a Service may come in, in one family; what all its ports share. */
export interface ServiceEntries {
  readonly clusterIP: string;
  readonly externalIPs: readonly string[];
  readonly loadBalancerIPs: readonly string[];
  readonly sourceRanges: readonly string[];
  readonly healthCheckNodePort: number;
}

/** A Service's entries, or why it is none of the proxy's business. */
export const serviceEntries = (service: Service, family: IpFamily): ServiceEntries | string => {
  if (!isPlainName(service.namespace) || !isPlainName(service.name)) return 'no API server would have taken its name';
  if (service.type === 'ExternalName') return 'it is an ExternalName: DNS alone answers for it';
  if (service.clusterIPs[0] === 'None')
    return 'it is headless: DNS gives its endpoints, and there is no address to balance';
  // Facts of the cluster's owner: that label hands the Service to another proxy.
  if (service.proxyName !== '')
    return `its label service.kubernetes.io/service-proxy-name gives it to the proxy "${service.proxyName}"`;
  const clusterIP = ofFamily(service.clusterIPs, family)[0];
  if (clusterIP === undefined) return `it has no ClusterIP of family ${family}`;
  const loadBalancerIPs = unique(
    ofFamily(
      service.ingress.filter(({ ipMode }) => ipMode === 'VIP').map(({ ip }) => ip),
      family,
    ),
    [clusterIP],
  );
  return {
    clusterIP,
    // A load balancer's address has source ranges, an externalIP has none: one that is both keeps them.
    externalIPs: unique(ofFamily(service.externalIPs, family), [clusterIP, ...loadBalancerIPs]),
    loadBalancerIPs,
    sourceRanges: disjointRanges(service.sourceRanges, family),
    healthCheckNodePort:
      service.type === 'LoadBalancer' && service.externalTrafficPolicy === 'Local' ? service.healthCheckNodePort : 0,
  };
};

const NONE: readonly string[] = Object.freeze([]);

const ofFamily = (texts: readonly string[], family: IpFamily): readonly string[] => {
  if (texts.length === 0) return NONE;
  return texts.map((text) => canonicalAddress(text, family)).filter((address): address is string => address !== null);
};

/** Sorted, each once, without those that are spoken for. */
const unique = (addresses: readonly string[], taken: readonly string[]): readonly string[] => {
  if (addresses.length === 0) return NONE;
  const kept = new Set(addresses);
  for (const address of taken) kept.delete(address);
  return kept.size === 0 ? NONE : [...kept].sort();
};
