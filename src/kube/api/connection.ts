import type { Agent, OutgoingHttpHeaders } from 'node:http';
import { EndpointConnector } from './connect-endpoint.ts';

/** How to reach the API server. */
export type ApiConnection =
  | { readonly kind: 'in-cluster' }
  | { readonly kind: 'kubeconfig'; readonly file: string; readonly context?: string }
  | {
      readonly kind: 'endpoint';
      /** `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`: https where `tls` is given. */
      readonly url: string;
      /** Files in PEM form. */
      readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
    };

/** What one request needs. */
export interface Access {
  readonly base: URL;
  readonly headers: OutgoingHttpHeaders;
  readonly tls: TlsAccess;
  /** Only where the kubeconfig names a proxy. */
  readonly agent?: Agent;
}

export interface TlsAccess {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Gives each request its address and its credentials, as they are at that moment. */
export interface Connector {
  /** Rejects with a KubeError where the configuration can't be used now. */
  access(): Promise<Access>;
  /** The server refused the credentials: read them anew at the next `access`. */
  renew(): void;
}

/** The connector for a connection; client-node is loaded only where its configuration is asked for. */
export const openConnection = async (connection: ApiConnection, serviceAccountRoot = ''): Promise<Connector> => {
  if (connection.kind === 'endpoint') return new EndpointConnector(connection);
  const { KubeConfigConnector } = await import('./connect-kubeconfig.ts');
  return new KubeConfigConnector(connection, serviceAccountRoot);
};
