import { connectionFault } from '#kube/api/connection-fault.ts';
import type { ClusterSource, SourceFilter } from '#kube/source.ts';
import type { Log } from '#log/log.ts';
import type { Services } from '#plugin/index.ts';
import type { KubernetesOptions, Origin } from './options.ts';

/** What is watched for a directive. */
export const sourceFilter = (options: KubernetesOptions): SourceFilter => ({
  hasPods: options.podMode === 'verified',
  hasEndpointSlices: options.hasEndpoints,
  labelSelector: options.labels,
  namespaceLabelSelector: options.namespaceLabels,
});

/** Directives with the same key share one cluster's data. */
export const clusterKey = (origin: Origin, filter: SourceFilter): string =>
  `kubernetes ${JSON.stringify([origin, filter])}`;

/**
 * Loads the code of the source that a directive needs, and only that: the API client and the YAML reader are large. What is given
 * makes the source.
 */
export const openSource = async (
  options: KubernetesOptions,
  services: Services,
  log: Log,
): Promise<() => ClusterSource> => {
  const { origin } = options;
  const filter = sourceFilter(options);
  if (origin.kind === 'manifests') {
    const { ManifestSource } = await import('#kube/manifest-source.ts');
    return () => new ManifestSource({ directories: origin.directories, filter, log });
  }
  const { connection } = origin;
  const fault = await connectionFault(connection);
  if (fault !== null) throw new Error(`plugin/kubernetes: ${fault}`);
  const { ApiSource } = await import('#kube/api-source.ts');
  const userAgent = `cluster-dns/${services.version} (${process.platform}/${process.arch}/node${process.versions.node})`;
  const { metrics, random } = services;
  return () => new ApiSource({ connection, filter, log, metrics, userAgent, random });
};
