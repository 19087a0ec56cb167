import type { Candidate } from './candidates.ts';

/** What a choice by place asks about nodes. */
export interface Topology {
  readonly nodeName: string;
  /** Label of this node; '' where it has none. */
  readonly zone: string;
  /** A label of a node; undefined where it has none, or the node is not known. */
  label(nodeName: string, key: string): string | undefined;
}

/** Which ready endpoints are near enough. */
export type Nearness =
  | { readonly by: 'all' }
  /** Hints, which the control plane writes for `spec.trafficDistribution`. */
  | { readonly by: 'node hint' }
  | { readonly by: 'zone hint' }
  /** `topologyKeys`; the key that decided, null where none of them has an endpoint. */
  | { readonly by: 'topology key'; readonly key: string | null };

const ALL: Nearness = { by: 'all' };
const NODE_HINT: Nearness = { by: 'node hint' };
const ZONE_HINT: Nearness = { by: 'zone hint' };

/** Whether an endpoint is near enough. */
export const isNear = (candidate: Candidate, by: Nearness, topology: Topology): boolean => {
  switch (by.by) {
    case 'all':
      return true;
    case 'node hint':
      return candidate.endpoint.nodeHints.includes(topology.nodeName);
    case 'zone hint':
      return candidate.endpoint.zoneHints.includes(topology.zone);
    case 'topology key':
      return by.key !== null && matchesKey(candidate, by.key, topology);
  }
};

/** Hints count only where every ready endpoint has one and some endpoint is for here: a part of them would overload that part. */
export const byHints = (ready: readonly Candidate[], { nodeName, zone }: Topology): Nearness => {
  if (ready.length === 0) return ALL;
  if (
    ready.every(({ endpoint }) => endpoint.nodeHints.length > 0) &&
    ready.some(({ endpoint }) => endpoint.nodeHints.includes(nodeName))
  )
    return NODE_HINT;
  if (
    zone !== '' &&
    ready.every(({ endpoint }) => endpoint.zoneHints.length > 0) &&
    ready.some(({ endpoint }) => endpoint.zoneHints.includes(zone))
  )
    return ZONE_HINT;
  return ALL;
};

/** The first key that some endpoint shares with this node. `*`, or no key at all, takes every one; a list that is used up takes none. */
export const byTopologyKeys = (
  candidates: readonly Candidate[],
  keys: readonly string[],
  topology: Topology,
): Nearness => {
  if (keys.length === 0) return ALL;
  for (const key of keys) {
    if (key === ANY) return ALL;
    if (candidates.some((candidate) => matchesKey(candidate, key, topology))) return { by: 'topology key', key };
  }
  return { by: 'topology key', key: null };
};

const ANY = '*';
const HOSTNAME = 'kubernetes.io/hostname';
export const ZONE = 'topology.kubernetes.io/zone';

const matchesKey = ({ endpoint }: Candidate, key: string, topology: Topology): boolean => {
  const here = topologyLabel(topology.nodeName, '', key, topology);
  return here !== undefined && here === topologyLabel(endpoint.nodeName, endpoint.zone, key, topology);
};

/** A label of a node. A slice says an endpoint's node and zone, so those are known where the Node is not. */
export const topologyLabel = (nodeName: string, zone: string, key: string, topology: Topology): string | undefined => {
  const label = nodeName === '' ? undefined : topology.label(nodeName, key);
  if (label !== undefined) return label;
  if (key === HOSTNAME && nodeName !== '') return nodeName;
  return key === ZONE && zone !== '' ? zone : undefined;
};
