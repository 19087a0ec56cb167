import { addressAndPort } from '#proxy/model/address.ts';
import type { Endpoint, Outcome, ServicePort, ServicePorts } from '#proxy/model/service-port.ts';

/** What is different about one Service port, one line each. */
export interface ServicePortChange {
  readonly key: string;
  readonly kind: 'new' | 'gone' | 'changed';
  /** `+ endpoint 10.244.1.10:9376`, `- node port 30000`, `~ affinity: none -> 10800 s`. */
  readonly lines: readonly string[];
}

/** All that is different between two sets of one family, in the order of keys. */
export const serviceChanges = (before: ServicePorts, after: ServicePorts): ServicePortChange[] =>
  [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((key) => {
    const change = changeOf(key, before.get(key), after.get(key));
    return change === null ? [] : [change];
  });

const changeOf = (
  key: string,
  before: ServicePort | undefined,
  after: ServicePort | undefined,
): ServicePortChange | null => {
  const old = before === undefined ? [] : partsOf(before);
  const now = after === undefined ? [] : partsOf(after);
  const gone = old.filter((part) => !now.includes(part)).map((part) => `- ${part}`);
  const added = now.filter((part) => !old.includes(part)).map((part) => `+ ${part}`);
  if (before === undefined) return { key, kind: 'new', lines: added };
  if (after === undefined) return { key, kind: 'gone', lines: gone };
  const settings = settingChanges(before, after);
  const lines = [...settings, ...gone, ...added];
  return lines.length === 0 ? null : { key, kind: 'changed', lines };
};

/** What a Service port has any number of. */
const partsOf = (service: ServicePort): string[] => {
  const { clusterIP, port, externalIPs, loadBalancerIPs, nodePort, healthCheckNodePort, sourceRanges } = service;
  return [
    `cluster IP ${addressAndPort(clusterIP, port)}`,
    ...externalIPs.map((address) => `external IP ${addressAndPort(address, port)}`),
    ...loadBalancerIPs.map((address) => `load balancer ${addressAndPort(address, port)}`),
    ...(nodePort === 0 ? [] : [`node port ${nodePort}`]),
    ...(healthCheckNodePort === 0 ? [] : [`health check node port ${healthCheckNodePort}`]),
    ...sourceRanges.map((range) => `source range ${range}`),
    ...endpointsOf(service.clusterEndpoints, 'endpoint'),
    ...endpointsOf(service.localEndpoints, 'endpoint for policy Local'),
  ];
};

const endpointsOf = (endpoints: readonly Endpoint[], title: string): string[] =>
  endpoints.map(
    ({ address, port, isLocal }) => `${title} ${addressAndPort(address, port)}${isLocal ? ' on this node' : ''}`,
  );

/** What a Service port has exactly one of, as `~ title: before -> after`. */
const settingChanges = (before: ServicePort, after: ServicePort): string[] =>
  SETTINGS.flatMap(([title, textOf]) => {
    const [old, now] = [textOf(before), textOf(after)];
    return old === now ? [] : [`~ ${title}: ${old} -> ${now}`];
  });

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  balance: 'balanced over the endpoints',
  reject: 'rejected, as there is no endpoint',
  drop: 'dropped, as there is no endpoint on this node',
};

const SETTINGS: readonly (readonly [title: string, textOf: (service: ServicePort) => string])[] = [
  ['internal traffic policy', ({ internalPolicy }) => internalPolicy],
  ['external traffic policy', ({ externalPolicy }) => externalPolicy],
  ['affinity', ({ affinitySeconds }) => (affinitySeconds === 0 ? 'none' : `client IP, ${affinitySeconds} s`)],
  ['traffic to the cluster IP', ({ internal }) => OUTCOMES[internal]],
  ['traffic from outside', (service) => (hasExternalEntry(service) ? OUTCOMES[service.external] : 'none')],
];

const hasExternalEntry = ({ externalIPs, loadBalancerIPs, nodePort }: ServicePort): boolean =>
  externalIPs.length > 0 || loadBalancerIPs.length > 0 || nodePort > 0;
