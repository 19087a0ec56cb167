import { createHash } from 'node:crypto';
import type { TableName } from '#netfilter/nft/ruleset.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import type { IpFamily } from '../../rule-options.ts';

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
  const full = `${hashOf(name)}-${name}`;
  return full.length > MAX_LENGTH ? `${full.slice(0, MAX_LENGTH - 3)}...` : full;
};

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first 8 characters of SHA-256 in base 32: five octets. */
const hashOf = (name: string): string => {
  const digest = createHash('sha256').update(name).digest();
  let bits = digest.readUIntBE(0, 5);
  let text = '';
  for (let n = 0; n < 8; n++) {
    text = BASE32.charAt(bits % 32) + text;
    bits = Math.floor(bits / 32);
  }
  return text;
};
