import { addressAndPort } from '../address.ts';
import type { Candidate } from '../candidates.ts';
import { servesWhileEnding } from '../choose-endpoints.ts';
import type { DecidedPort } from '../decide.ts';
import type { Endpoint } from '../service-port.ts';
import { type Nearness, type Topology, topologyLabel, ZONE } from '../topology.ts';

/** What an endpoint is to one of the two ways of balancing. */
export type EndpointShare =
  /** 0 to 1. */
  { readonly isUsed: true; readonly chance: number } | { readonly isUsed: false; readonly reason: string };

/** An endpoint of a Service's port and whether traffic goes there. */
export interface ExplainedEndpoint {
  readonly address: string;
  readonly port: number;
  readonly text: string;
  /** '' where it is not known. */
  readonly nodeName: string;
  readonly zone: string;
  /** For entries that take endpoints of the whole cluster; null where there is none. */
  readonly cluster: EndpointShare | null;
  /** For entries that stay on the node; null where there is none. */
  readonly local: EndpointShare | null;
}

/** All endpoints that slices name for a port, in the order of kube-proxy. */
export const explainEndpoints = (
  { port, candidates, choice, use }: DecidedPort,
  topology: Topology,
): ExplainedEndpoint[] =>
  candidates.map((candidate) => ({
    address: candidate.address,
    port: candidate.port,
    text: candidate.text,
    nodeName: candidate.endpoint.nodeName,
    zone: topologyLabel(candidate.endpoint.nodeName, candidate.endpoint.zone, ZONE, topology) ?? '',
    cluster: use.usesCluster
      ? (used(candidate, port.clusterEndpoints) ?? unused(whyNotCluster(candidate, choice, topology)))
      : null,
    local: use.usesLocal
      ? (used(candidate, port.localEndpoints) ?? unused(whyNotLocal(candidate, choice, topology)))
      : null,
  }));

const used = ({ text }: Candidate, chosen: readonly Endpoint[]): EndpointShare | null =>
  chosen.some(({ address, port }) => addressAndPort(address, port) === text)
    ? { isUsed: true, chance: 1 / chosen.length }
    : null;

const unused = (reason: string): EndpointShare => ({ isUsed: false, reason });

type Choice = DecidedPort['choice'];

const whyNotCluster = (candidate: Candidate, { isClusterTerminating, nearness }: Choice, topology: Topology): string =>
  whyNotReady(candidate, isClusterTerminating) ?? whyNotNear(candidate, nearness, topology);

const whyNotLocal = (candidate: Candidate, { isLocalTerminating, nearness }: Choice, topology: Topology): string => {
  if (!candidate.isLocal) return candidate.endpoint.nodeName === '' ? 'on no node that is told' : 'not on this node';
  return whyNotReady(candidate, isLocalTerminating) ?? whyNotNear(candidate, nearness, topology);
};

/** null where it could be used. */
const whyNotReady = ({ endpoint }: Candidate, isTerminatingChosen: boolean): string | null => {
  if (endpoint.isReady) return null;
  if (servesWhileEnding(endpoint)) return isTerminatingChosen ? null : 'terminating, and others are ready';
  return endpoint.isTerminating ? 'terminating, and no longer serving' : 'not ready';
};

const whyNotNear = ({ endpoint }: Candidate, nearness: Nearness, topology: Topology): string => {
  switch (nearness.by) {
    case 'all':
      return 'not chosen';
    case 'node hint':
      return `node hint ${endpoint.nodeHints.join(' ')}, this node is ${topology.nodeName}`;
    case 'zone hint':
      return `zone hint ${endpoint.zoneHints.join(' ')}, this node is in ${topology.zone}`;
    case 'topology key': {
      if (nearness.key === null) return 'no topology key has the same value as on this node';
      const there = topologyLabel(endpoint.nodeName, endpoint.zone, nearness.key, topology);
      const here = topologyLabel(topology.nodeName, '', nearness.key, topology);
      return `${nearness.key} is ${there ?? 'not known'}, and ${here} here`;
    }
  }
};
