import { type CompleteCluster, completeCluster } from './complete.ts';
import { takeSnapshot } from './directory-snapshot.ts';
import { ManifestReader } from './manifest-reader.ts';

/** The cluster that directories of manifests describe, read once; every fault is in `faults`. */
export const loadCluster = (directories: readonly string[], serviceCidrs?: readonly string[]): CompleteCluster => {
  const { objects, namespaces, faults } = new ManifestReader().read(directories.map(takeSnapshot));
  const cluster = completeCluster(objects, namespaces, serviceCidrs);
  return { ...cluster, faults: [...faults, ...cluster.faults] };
};
