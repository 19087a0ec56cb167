import type { KubernetesOptions } from './options.ts';
import type { OwnAddress } from './own-addresses.ts';
import type { SharedCluster } from './shared-cluster.ts';

/** What answers are made from, once the plugin has started. */
export interface Backend {
  readonly options: KubernetesOptions;
  readonly cluster: SharedCluster;
  /** This server's addresses other than loopback. */
  readonly ownAddresses: readonly OwnAddress[];
}

/** True where the Namespace is there and answered for. */
export const isExposed = ({ options, cluster }: Backend, namespace: string): boolean =>
  (options.namespaces.size === 0 || options.namespaces.has(namespace)) && cluster.store.hasNamespace(namespace);
