import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { Service, ServicePort as SpecPort } from '#kube/objects/service.ts';
import type { IpFamily } from '../rule-options.ts';
import { holds } from './address.ts';
import { type Candidate, candidates } from './candidates.ts';
import { chooseEndpoints, type EndpointChoice, type EndpointUse } from './choose-endpoints.ts';
import { isPlainName } from './plain-name.ts';
import { type ServiceEntries, serviceEntries } from './service-entries.ts';
import type { Outcome, ServicePort } from './service-port.ts';
import type { Topology } from './topology.ts';

/** What a decision depends on besides the Service and its slices. */
export interface Surroundings extends Topology {
  /** Address of this node that kube-proxy would call its own; '' where it is not known. */
  primaryAddress(family: IpFamily): string;
}

/** One port with all that led to its decision. */
export interface DecidedPort {
  readonly port: ServicePort;
  readonly candidates: readonly Candidate[];
  readonly use: EndpointUse;
  readonly choice: EndpointChoice;
}

/** All ports of a Service in one family, before claims are settled; none where the Service does not count. */
export const decideService = (
  service: Service,
  slices: readonly EndpointSlice[],
  family: IpFamily,
  surroundings: Surroundings,
): readonly DecidedPort[] => {
  const entries = serviceEntries(service, family);
  if (typeof entries === 'string') return NONE;
  const specs = service.ports.filter(
    ({ name, protocol, port }) => isKnownProtocol(protocol) && port !== 0 && (name === '' || isPlainName(name)),
  );
  const all = specs.map((spec) => candidates(slices, spec, family, surroundings.nodeName));
  const localReadyCount = countLocalReady(all);
  return specs.map((spec, index) =>
    decidePort({ service, spec, family, entries, all: all[index] ?? [], localReadyCount }, surroundings),
  );
};

const NONE: readonly DecidedPort[] = Object.freeze([]);

/** `NAMESPACE/NAME:PORT`, or `NAMESPACE/NAME`. */
export const portLabel = ({ namespace, name }: Service, portName: string): string =>
  portName === '' ? `${namespace}/${name}` : `${namespace}/${name}:${portName}`;

const isKnownProtocol = (protocol: string): protocol is ServicePort['protocol'] =>
  protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';

/** What the health check node port counts is the Service's, whatever the port: addresses of ready endpoints here. */
const countLocalReady = (all: readonly (readonly Candidate[])[]): number => {
  const addresses = new Set<string>();
  for (const candidates of all)
    for (const { isLocal, endpoint, address } of candidates) if (isLocal && endpoint.isReady) addresses.add(address);
  return addresses.size;
};

interface PortToDecide {
  readonly service: Service;
  readonly spec: SpecPort;
  readonly family: IpFamily;
  readonly entries: ServiceEntries;
  readonly all: readonly Candidate[];
  readonly localReadyCount: number;
}

const decidePort = (
  { service, spec, family, entries, all, localReadyCount }: PortToDecide,
  surroundings: Surroundings,
): DecidedPort => {
  const { clusterIP, externalIPs, loadBalancerIPs } = entries;
  const hasExternal = spec.nodePort !== 0 || externalIPs.length > 0 || loadBalancerIPs.length > 0;
  const internalPolicy = service.internalTrafficPolicy;
  const externalPolicy = hasExternal ? service.externalTrafficPolicy : 'Cluster';
  const use: EndpointUse = {
    // Local traffic from outside needs the others, too: this node's own goes to all of them.
    usesCluster: internalPolicy === 'Cluster' || hasExternal,
    usesLocal: internalPolicy === 'Local' || externalPolicy === 'Local',
    topologyKeys: service.topologyKeys,
  };
  const choice = chooseEndpoints(all, use, surroundings);
  const outcome = (policy: 'Cluster' | 'Local'): Outcome => {
    if (!choice.hasEndpoints) return 'reject';
    return (policy === 'Local' ? choice.local : choice.cluster).length > 0 ? 'balance' : 'drop';
  };
  const protocol = spec.protocol as ServicePort['protocol'];
  const label = portLabel(service, spec.name);
  const ranges = loadBalancerIPs.length > 0 ? entries.sourceRanges : NO_RANGES;
  const own = ranges.length > 0 ? surroundings.primaryAddress(family) : '';
  return {
    candidates: all,
    use,
    choice,
    port: {
      key: `${label}/${protocol}`,
      label,
      namespace: service.namespace,
      name: service.name,
      portName: spec.name,
      protocol,
      family,
      clusterIP,
      port: spec.port,
      externalIPs,
      loadBalancerIPs,
      nodePort: spec.nodePort,
      sourceRanges: ranges,
      hasNodeInSourceRanges: own !== '' && ranges.some((range) => holds(range, own)),
      healthCheckNodePort: entries.healthCheckNodePort,
      affinitySeconds: service.affinitySeconds,
      internalPolicy,
      externalPolicy,
      internal: outcome(internalPolicy),
      external: hasExternal ? outcome(externalPolicy) : 'reject',
      clusterEndpoints: choice.cluster,
      localEndpoints: choice.local,
      hasEndpoints: choice.hasEndpoints,
      localReadyCount,
    },
  };
};

const NO_RANGES: readonly string[] = Object.freeze([]);
