import { readFile } from 'node:fs/promises';
import type { Agent, OutgoingHttpHeaders } from 'node:http';
import { dirname, resolve } from 'node:path';
// The one file of client-node that is used. Its index loads 75 MB.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { parseServer } from './connect-endpoint.ts';
import type { Access, ApiConnection, Connector } from './connection.ts';
import { KubeError, textOf } from './kube-error.ts';

/** What client-node writes into the options of a request. */
interface FilledOptions {
  headers?: OutgoingHttpHeaders;
  auth?: string;
  agent?: Agent;
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/**
 * A kubeconfig or a Pod's service account, with client-node's authenticators: tokens, token files (read again after 60 s),
 * certificates, exec, OIDC. Certificate files are read for each request, so what rotates is taken up.
 */
export class KubeConfigConnector implements Connector {
  readonly #connection: ApiConnection & { kind: 'in-cluster' | 'kubeconfig' };
  readonly #serviceAccountRoot: string;
  #config: KubeConfig | null = null;

  constructor(connection: ApiConnection & { kind: 'in-cluster' | 'kubeconfig' }, serviceAccountRoot = '') {
    this.#connection = connection;
    this.#serviceAccountRoot = serviceAccountRoot;
  }

  async access(): Promise<Access> {
    try {
      this.#config ??= await this.#load();
      return await accessOf(this.#config);
    } catch (error) {
      this.#config = null;
      if (error instanceof KubeError) throw error;
      throw new KubeError('KUBE_CONFIG', `${this.#title()}: ${textOf(error)}`, { cause: error });
    }
  }

  renew(): void {
    this.#config = null;
  }

  /** The address of the server. Rejects with a KubeError where the configuration can't be used; runs no program. */
  async server(): Promise<URL> {
    const fault = await this.fault();
    const cluster = this.#config?.getCurrentCluster() ?? null;
    if (cluster === null) throw new KubeError('KUBE_CONFIG', `${this.#title()}: ${fault ?? 'it names no cluster'}`);
    return parseServer(cluster.server, true);
  }

  /** What is wrong with the configuration itself, in words; null where it can be used. Runs no program for credentials. */
  async fault(): Promise<string | null> {
    try {
      this.#config ??= await this.#load();
      return null;
    } catch (error) {
      return textOf(error);
    }
  }

  async #load(): Promise<KubeConfig> {
    const config = new KubeConfig();
    if (this.#connection.kind === 'in-cluster') {
      const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
      if (!host || !port) {
        // As client-go says it.
        const message =
          'unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined';
        throw new KubeError('KUBE_CONFIG', message);
      }
      config.loadFromCluster(this.#serviceAccountRoot);
      return config;
    }
    const { file, context } = this.#connection;
    config.loadFromFile(file);
    if (context !== undefined) config.setCurrentContext(context);
    if (config.getContextObject(config.getCurrentContext()) === null) {
      throw new KubeError('KUBE_CONFIG', `context "${config.getCurrentContext()}" does not exist`);
    }
    await useTokenFiles(config, file);
    return config;
  }

  #title(): string {
    return this.#connection.kind === 'in-cluster' ? 'service account' : `kubeconfig ${this.#connection.file}`;
  }
}

/** `tokenFile` of a user: client-node 1.4.0 reads only the older spelling `token-file`, and that only once. */
const useTokenFiles = async (config: KubeConfig, file: string): Promise<void> => {
  const text = await readFile(file, 'utf8');
  if (!text.includes('tokenFile')) return;
  const { load } = await import('js-yaml');
  const { users } = load(text) as { users: { name: string; user?: { tokenFile?: string } }[] };
  config.users = config.users.map((user) => {
    const tokenFile = users.find(({ name }) => name === user.name)?.user?.tokenFile;
    if (tokenFile === undefined) return user;
    const { token: _, ...rest } = user;
    return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } } };
  });
};

const accessOf = async (config: KubeConfig): Promise<Access> => {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('it names no cluster');
  const base = parseServer(cluster.server, true);
  const isPlain = base.protocol === 'http:';
  // client-node refuses http:// unless TLS is not to be verified; over http:// there is nothing to verify.
  if (isPlain && !cluster.skipTLSVerify) {
    config.clusters = config.clusters.map((one) => (one.name === cluster.name ? { ...one, skipTLSVerify: true } : one));
  }
  const filled: FilledOptions = {};
  await config.applyToHTTPSOptions(filled as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
  const headers: OutgoingHttpHeaders = { ...filled.headers };
  // A mounted token may end in a newline, which no header may hold.
  if (typeof headers.Authorization === 'string') headers.Authorization = headers.Authorization.trim();
  if (filled.auth !== undefined) headers.Authorization = `Basic ${Buffer.from(filled.auth).toString('base64')}`;
  const { ca, cert, key, servername, rejectUnauthorized } = filled;
  return {
    base,
    headers,
    tls: isPlain
      ? {}
      : {
          ...(ca !== undefined && { ca }),
          ...(cert !== undefined && { cert }),
          ...(key !== undefined && { key }),
          ...(servername !== undefined && { servername }),
          ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
        },
    ...(cluster.proxyUrl !== undefined && filled.agent !== undefined && { agent: filled.agent }),
  };
};
