import type { LocalTraffic, RuleOptions } from '../../rule-options.ts';
import { addressAndPort } from '../address.ts';
import type { Outcome, ServicePort } from '../service-port.ts';
import type { Entry } from './entries.ts';

/** Entries and, policy by policy, what becomes of traffic to them, indented; those that fare alike together. */
export const entriesLines = (entries: readonly Entry[], options: RuleOptions): readonly string[] => {
  const lines: string[] = [];
  let last = '';
  for (const entry of [...entries].reverse()) {
    const fate = entry.kind === 'cluster IP' ? internalLines(entry.port, options) : externalLines(entry, options);
    const text = fate.join('\n');
    if (text !== last) lines.unshift(...fate.map((line) => `  ${line}`));
    lines.unshift(entryTitle(entry, options));
    last = text;
  }
  return lines;
};

/** `load balancer 198.51.100.11:80/tcp` */
const entryTitle = ({ port, kind, address }: Entry, options: RuleOptions): string =>
  kind === 'node port'
    ? `node port ${port.nodePort}/${port.protocol} on ${nodePortPlaces(options)}`
    : `${kind} ${addressAndPort(address, port.port)}/${port.protocol}`;

export const nodePortPlaces = ({ nodePortAddresses, localhostNodePorts }: RuleOptions): string => {
  const loopback = localhostNodePorts ? ['127.0.0.1'] : [];
  if (nodePortAddresses === 'all')
    return `all addresses of this node${localhostNodePorts ? ', 127.0.0.1 among them' : ''}`;
  const places = [...new Set([...nodePortAddresses, ...loopback])];
  return places.length === 0 ? 'no address of this node' : places.join(', ');
};

const internalLines = (port: ServicePort, options: RuleOptions): readonly string[] => {
  const policy = `internalTrafficPolicy ${port.internalPolicy}`;
  if (port.internal !== 'balance') return [`${policy}: ${refusal(port.internal, port.internalPolicy)}`];
  return [
    `${policy}: ${oneOf(port.internalPolicy === 'Local' ? port.localEndpoints.length : port.clusterEndpoints.length, port.internalPolicy)}`,
    internalMasquerade(options),
  ];
};

const internalMasquerade = ({ masqueradeAll, localTraffic }: RuleOptions): string => {
  if (masqueradeAll) return 'masqueraded, as masqueradeAll says: the endpoint sees an address of the node';
  if (localTraffic.by === 'none')
    return 'not masqueraded, but where an endpoint reaches itself: nothing is set that tells pods of this node from others';
  return `from ${podsOf(localTraffic)} as it is, but where an endpoint reaches itself; all else is masqueraded, or the reply would not come back by here`;
};

const externalLines = ({ port, kind }: Entry, options: RuleOptions): readonly string[] => [
  ...(kind === 'load balancer' ? sourceRangeLines(port) : []),
  ...(port.externalPolicy === 'Local' ? localLines(port, options) : clusterLines(port)),
];

const sourceRangeLines = ({ sourceRanges, hasNodeInSourceRanges }: ServicePort): readonly string[] =>
  sourceRanges.length === 0
    ? []
    : [
        `only for clients in ${sourceRanges.join(', ')}${hasNodeInSourceRanges ? ', which has this node in it, so for the load balancer itself, too' : ''}; all else is dropped`,
      ];

const clusterLines = (port: ServicePort): readonly string[] =>
  port.external === 'balance'
    ? [
        `externalTrafficPolicy Cluster: ${oneOf(port.clusterEndpoints.length, 'Cluster')}`,
        'masqueraded, or a reply from another node would not come back by here: the endpoint sees an address of the node',
      ]
    : [`externalTrafficPolicy Cluster: ${refusal(port.external, 'Cluster')}`];

/** The short cut: what is sent from this node need not leave and come back, so it is as if it were sent to the ClusterIP. */
const localLines = (port: ServicePort, { localTraffic }: RuleOptions): readonly string[] => {
  const outside =
    port.external === 'balance'
      ? `${oneOf(port.localEndpoints.length, 'Local')}, with the client's address`
      : refusal(port.external, 'Local');
  const short = port.clusterEndpoints.length;
  if (short === 0) return [`externalTrafficPolicy Local: ${outside}`];
  return [
    `externalTrafficPolicy Local, from elsewhere: ${outside}`,
    localTraffic.by === 'none'
      ? 'from pods of this node: the same, as nothing is set that tells them from others'
      : `from ${podsOf(localTraffic)}: ${oneOf(short, 'Cluster')}, with the pod's address`,
    `from this node itself: ${oneOf(short, 'Cluster')}, masqueraded`,
  ];
};

const oneOf = (count: number, policy: ServicePort['internalPolicy']): string => {
  const place = policy === 'Local' ? 'on this node' : 'of the cluster';
  return count === 1 ? `to the one endpoint ${place} that may be used` : `to one of ${count} endpoints ${place}`;
};

const refusal = (outcome: Outcome, policy: ServicePort['internalPolicy']): string => {
  if (outcome === 'reject') return 'rejected, as there is no endpoint anywhere that could be used';
  return policy === 'Local'
    ? 'dropped, as there are endpoints, but none on this node'
    : 'dropped, as there are endpoints, but topologyKeys allow none of them';
};

const podsOf = (local: Exclude<LocalTraffic, { by: 'none' }>): string => {
  switch (local.by) {
    case 'cidr':
      return `pods (${local.cidr})`;
    case 'interface':
      return `pods of this node (interface ${local.name})`;
    case 'interface-prefix':
      return `pods of this node (interfaces ${local.prefix}*)`;
  }
};
