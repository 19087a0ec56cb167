import type { Candidate } from './candidates.ts';
import type { Endpoint } from './service-port.ts';
import { isNear, type Nearness, nearness, type Topology } from './topology.ts';

/** Which of the endpoints a Service's policies ask for. */
export interface EndpointUse {
  /** Some entry point balances over the cluster. */
  readonly usesCluster: boolean;
  /** Some entry point keeps to this node. */
  readonly usesLocal: boolean;
  readonly topologyKeys: readonly string[];
}

export interface EndpointChoice {
  readonly cluster: readonly Endpoint[];
  readonly local: readonly Endpoint[];
  /** Some endpoint could be used somewhere. */
  readonly hasEndpoints: boolean;
  /** Why `cluster` has some of them only. */
  readonly nearness: Nearness;
  /** `cluster`, `local` are endpoints that end but still serve, as there are no others. */
  readonly isClusterTerminating: boolean;
  readonly isLocalTerminating: boolean;
}

/** Chooses as kube-proxy does: ready ones that are near enough, else those that still serve while they end. */
export const chooseEndpoints = (
  all: readonly Candidate[],
  { usesCluster, usesLocal, topologyKeys }: EndpointUse,
  topology: Topology,
): EndpointChoice => {
  const ready = all.filter(({ endpoint }) => endpoint.isReady);
  // Ready ones are nearly always all there are.
  const ending = ready.length === all.length ? NONE : all.filter(({ endpoint }) => servesWhileEnding(endpoint));
  const cluster = usesCluster ? nearOrEnding(ready, ending, topologyKeys, topology) : NOTHING;
  const local = usesLocal ? readyOrEnding(ready.filter(isHere), ending.filter(isHere)) : NOTHING;
  const clusterEndpoints = toEndpoints(cluster.chosen);
  return {
    cluster: clusterEndpoints,
    local: isSame(cluster.chosen, local.chosen) ? clusterEndpoints : toEndpoints(local.chosen),
    hasEndpoints: ready.length > 0 || ending.length > 0,
    nearness: cluster.nearness,
    isClusterTerminating: cluster.isTerminating,
    isLocalTerminating: local.isTerminating,
  };
};

interface Chosen {
  readonly chosen: readonly Candidate[];
  readonly nearness: Nearness;
  readonly isTerminating: boolean;
}

const NONE: readonly Candidate[] = Object.freeze([]);
const NOTHING: Chosen = { chosen: NONE, nearness: { by: 'all' }, isTerminating: false };

/** Hints do not count for endpoints that end; topologyKeys do, since they are a wall and not a wish. */
const nearOrEnding = (
  ready: readonly Candidate[],
  ending: readonly Candidate[],
  topologyKeys: readonly string[],
  topology: Topology,
): Chosen => {
  const near = nearness(ready, topologyKeys, topology);
  const chosen = near.by === 'all' ? ready : ready.filter((candidate) => isNear(candidate, near, topology));
  if (chosen.length > 0 || ending.length === 0) return { chosen, nearness: near, isTerminating: false };
  if (topologyKeys.length === 0) return { chosen: ending, nearness: near, isTerminating: true };
  const nearEnding = nearness(ending, topologyKeys, topology);
  return {
    chosen: ending.filter((candidate) => isNear(candidate, nearEnding, topology)),
    nearness: nearEnding,
    isTerminating: true,
  };
};

const readyOrEnding = (ready: readonly Candidate[], ending: readonly Candidate[]): Chosen =>
  ready.length > 0 || ending.length === 0
    ? { ...NOTHING, chosen: ready }
    : { ...NOTHING, chosen: ending, isTerminating: true };

const isHere = ({ isLocal }: Candidate): boolean => isLocal;

/** Not ready, but it takes new connections until it is gone. */
export const servesWhileEnding = (
  endpoint: Pick<Candidate['endpoint'], 'isReady' | 'isServing' | 'isTerminating'>,
): boolean => !endpoint.isReady && endpoint.isServing && endpoint.isTerminating;

const isSame = (a: readonly Candidate[], b: readonly Candidate[]): boolean =>
  a.length === b.length && a.every((candidate, index) => candidate === b[index]);

const NO_ENDPOINTS: readonly Endpoint[] = Object.freeze([]);

const toEndpoints = (chosen: readonly Candidate[]): readonly Endpoint[] =>
  chosen.length === 0 ? NO_ENDPOINTS : chosen.map(({ address, port, isLocal }) => ({ address, port, isLocal }));
