import type { Cluster } from './simulate.ts';

/** Pods for each that is replaced in a second while much is rolled out: at 150,000 Pods 20 a second. */
const PODS_PER_REPLACEMENT = 7500;
/** Services for each that changes in a second. */
const SERVICES_PER_CHANGE = 10_000;

export const clusterOf = (nodes: number, podsPerNode: number, services: number, lookups = 0.5): Cluster => ({
  nodes,
  podsPerNode,
  services,
  headlessShare: 0.1,
  replacements: (nodes * podsPerNode) / PODS_PER_REPLACEMENT,
  serviceChanges: services / SERVICES_PER_CHANGE,
  lookups,
});

/**
 * 5,000 nodes, 150,000 Pods and 10,000 Services are Kubernetes' own thresholds, and 15,000 nodes and 200,000 Pods are the limits of a provider (GKE).
 */
export const SIZES: readonly Cluster[] = [
  clusterOf(100, 30, 200),
  clusterOf(1000, 30, 2000),
  clusterOf(5000, 30, 10_000),
  clusterOf(15_000, 13, 20_000),
];
