import type { Candidate } from './candidates.ts';
import type { Endpoint } from './service-port.ts';
import { byHints, byTopologyKeys, isNear, type Nearness, type Topology } from './topology.ts';

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

/**
 * Chooses as kube-proxy does: ready ones that are near enough, else those that still serve while they end. Hints are a wish, for ready
 * ones of the cluster; topologyKeys are a wall, and stand before everything else.
 */
export const chooseEndpoints = (
  all: readonly Candidate[],
  { usesCluster, usesLocal, topologyKeys }: EndpointUse,
  topology: Topology,
): EndpointChoice => {
  const ready = all.filter(({ endpoint }) => endpoint.isReady);
  // Ready ones are nearly always all there are.
  const ending = ready.length === all.length ? NONE : all.filter(({ endpoint }) => servesWhileEnding(endpoint));
  const nearReady = nearOnes(ready, byTopologyKeys(ready, topologyKeys, topology), topology);
  const nearEnding = nearOnes(ending, byTopologyKeys(ending, topologyKeys, topology), topology);
  const hinted =
    topologyKeys.length > 0 ? nearReady : nearOnes(ready, usesCluster ? byHints(ready, topology) : ALL, topology);
  const cluster = usesCluster ? readyOrEnding(hinted, nearEnding) : NOTHING;
  const local = usesLocal ? readyOrEnding(onlyHere(nearReady), onlyHere(nearEnding)) : NOTHING;
  const clusterEndpoints = toEndpoints(cluster.chosen);
  return {
    cluster: clusterEndpoints,
    local: isSame(cluster.chosen, local.chosen) ? clusterEndpoints : toEndpoints(local.chosen),
    hasEndpoints: ready.length > 0 || ending.length > 0,
    nearness: usesCluster ? cluster.nearness : local.nearness,
    isClusterTerminating: cluster.isTerminating,
    isLocalTerminating: local.isTerminating,
  };
};

interface Near {
  readonly chosen: readonly Candidate[];
  readonly nearness: Nearness;
}

interface Chosen extends Near {
  readonly isTerminating: boolean;
}

const ALL: Nearness = { by: 'all' };
const NONE: readonly Candidate[] = Object.freeze([]);
const NOTHING: Chosen = { chosen: NONE, nearness: ALL, isTerminating: false };

const nearOnes = (list: readonly Candidate[], nearness: Nearness, topology: Topology): Near => ({
  chosen: nearness.by === 'all' ? list : list.filter((candidate) => isNear(candidate, nearness, topology)),
  nearness,
});

const onlyHere = ({ chosen, nearness }: Near): Near => ({ chosen: chosen.filter(isHere), nearness });

const readyOrEnding = (ready: Near, ending: Near): Chosen =>
  ready.chosen.length > 0 || ending.chosen.length === 0
    ? { ...ready, isTerminating: false }
    : { ...ending, isTerminating: true };

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
