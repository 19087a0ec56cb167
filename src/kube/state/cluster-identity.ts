import { parseServer } from '../api/connect-endpoint.ts';
import type { ApiConnection } from '../api/connection.ts';
import { KubeError } from '../api/kube-error.ts';
import type { SourceFilter } from '../source.ts';

/**
 * What a state is of, as JSON: the API server and what is watched there. Where the credentials come from does not count, so a
 * moved kubeconfig still leads to the same cluster, and an edited one need not.
 */
export const clusterIdentity = async (connection: ApiConnection, filter: SourceFilter): Promise<string> => {
  const { hasPods, hasEndpointSlices, labelSelector, namespaceLabelSelector } = filter;
  return JSON.stringify({
    server: await serverOf(connection),
    pods: hasPods,
    endpointSlices: hasEndpointSlices,
    labels: labelSelector,
    namespaceLabels: namespaceLabelSelector,
  });
};

/** The server's address without a user's name; '' where the configuration does not tell it. */
const serverOf = async (connection: ApiConnection): Promise<string> => {
  try {
    const { origin, pathname } = await urlOf(connection);
    return `${origin}${pathname.replace(/\/$/, '')}`;
  } catch (error) {
    // What is wrong is said by the list that fails for the same reason.
    if (error instanceof KubeError) return '';
    throw error;
  }
};

const urlOf = async (connection: ApiConnection): Promise<URL> => {
  if (connection.kind === 'endpoint') return parseServer(connection.url, connection.tls !== undefined);
  const { KubeConfigConnector } = await import('../api/connect-kubeconfig.ts');
  return new KubeConfigConnector(connection).server();
};
