import { stat } from 'node:fs/promises';
import type { ApiConnection } from './connection.ts';

const TOKEN_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/**
 * What makes a connection useless before anything is sent, or null. CoreDNS does not start then and says it in these
 * words (which are client-go's); a server that is away is no fault.
 */
export const connectionFault = async (connection: ApiConnection, serviceAccountRoot = ''): Promise<string | null> => {
  switch (connection.kind) {
    case 'in-cluster':
      return inClusterFault(serviceAccountRoot);
    case 'kubeconfig':
      return kubeconfigFault(connection);
    case 'endpoint':
      return endpointFault(connection);
  }
};

const inClusterFault = async (root: string): Promise<string | null> => {
  if (!process.env.KUBERNETES_SERVICE_HOST || !process.env.KUBERNETES_SERVICE_PORT) {
    return 'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined';
  }
  const reason = await unreadable(`${root}${TOKEN_FILE}`);
  return reason === null ? null : `open ${TOKEN_FILE}: ${reason}`;
};

const kubeconfigFault = async (connection: ApiConnection & { kind: 'kubeconfig' }): Promise<string | null> => {
  const reason = await unreadable(connection.file);
  if (reason !== null) return `stat ${connection.file}: ${reason}`;
  const { KubeConfigConnector } = await import('./connect-kubeconfig.ts');
  return new KubeConfigConnector(connection).fault();
};

const endpointFault = async ({ tls }: ApiConnection & { kind: 'endpoint' }): Promise<string | null> => {
  if (tls === undefined) return null;
  const files = [
    ['client-cert', tls.cert],
    ['client-key', tls.key],
    ['certificate-authority', tls.ca],
  ] as const;
  const faults: string[] = [];
  for (const [title, file] of files) {
    const reason = file === '' ? null : await unreadable(file);
    if (reason !== null) faults.push(`unable to read ${title} ${file} for  due to open ${file}: ${reason}`);
  }
  if (faults.length === 0) return null;
  return `invalid configuration: ${faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`}`;
};

/** Go's words for why a file can't be used, or null. */
const unreadable = async (file: string): Promise<string | null> => {
  try {
    await stat(file);
    return null;
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return REASONS[code] ?? code;
  }
};

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  ENOTDIR: 'not a directory',
};
