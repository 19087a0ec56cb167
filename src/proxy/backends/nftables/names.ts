import type { TableName } from '#netfilter/nft/ruleset.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import type { IpFamily } from '../../rule-options.ts';
import { base32Hash } from '../base32-hash.ts';

/** kube-proxy's table, so that its clean-up, and its start in either mode, removes these rules. */
export const tableOf = (family: IpFamily): TableName => ({
  family: family === 'IPv6' ? 'ip6' : 'ip',
  name: 'kube-proxy',
});

/** Chains of one Service: kube-proxy's names, which all have a `/` in them. */
export const serviceChain = (kind: 'service' | 'local' | 'external' | 'firewall', port: ServicePort): string =>
  `${kind}-${hashed(objectName(port))}`;

/** The chain of one endpoint of one Service, or the set of the clients that stay with it. */
export const endpointName = (kind: 'endpoint' | 'affinity', port: ServicePort, endpoint: Endpoint): string =>
  `${kind}-${hashed(`${objectName(port)}__${endpoint.address.replaceAll(':', '.')}/${endpoint.port}`)}`;

const objectName = ({ namespace, name, protocol, portName }: ServicePort): string =>
  `${namespace}/${name}/${protocol}/${portName}`;

/** nft takes names of up to 255 characters; 16 are left for what stands before it. */
const MAX_LENGTH = 240;

const hashed = (name: string): string => {
  const full = `${base32Hash(name, 8)}-${name}`;
  return full.length > MAX_LENGTH ? `${full.slice(0, MAX_LENGTH - 3)}...` : full;
};
