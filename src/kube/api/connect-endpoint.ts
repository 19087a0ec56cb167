import { readFile } from 'node:fs/promises';
import type { Access, ApiConnection, Connector } from './connection.ts';
import { KubeError, textOf } from './kube-error.ts';

/** A plain address, with client certificate and CA from files where they are given; nothing of client-node is needed. */
export class EndpointConnector implements Connector {
  readonly #connection: ApiConnection & { kind: 'endpoint' };

  constructor(connection: ApiConnection & { kind: 'endpoint' }) {
    this.#connection = connection;
  }

  async access(): Promise<Access> {
    const { url, tls } = this.#connection;
    const base = parseServer(url, tls !== undefined);
    if (tls === undefined) return { base, headers: {}, tls: {} };
    try {
      const [cert, key, ca] = await Promise.all([optional(tls.cert), optional(tls.key), optional(tls.ca)]);
      return { base, headers: {}, tls: { ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) } };
    } catch (error) {
      throw new KubeError('KUBE_CONFIG', `TLS files of ${url}: ${textOf(error)}`, { cause: error });
    }
  }

  /** The files are read for each request: there is nothing to forget. */
  renew(): void {
    return;
  }
}

const optional = async (file: string): Promise<Buffer | null> => (file === '' ? null : await readFile(file));

/** A server's address; without a scheme it is https where there is TLS, else http. Throws a KubeError. */
export const parseServer = (text: string, hasTls: boolean): URL => {
  const full = /^https?:\/\//i.test(text) ? text : `${hasTls ? 'https' : 'http'}://${text}`;
  try {
    return new URL(full);
  } catch (error) {
    throw new KubeError('KUBE_CONFIG', `"${text}" is not the address of a server`, { cause: error });
  }
};
