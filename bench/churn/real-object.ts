import { setTimeout as delay } from 'node:timers/promises';
import { type FakeObject, NAMESPACES, SERVICES, SLICES } from '#test/fake-api-server.ts';
import type { ObjectStore } from '../../test/server/churn/changing.ts';

/** Under this annotation an object says which version of it it is. */
export const VERSION = 'cluster-dns.bench/version';

const TYPES: Readonly<Record<string, { readonly apiVersion: string; readonly kind: string }>> = {
  [NAMESPACES]: { apiVersion: 'v1', kind: 'Namespace' },
  [SERVICES]: { apiVersion: 'v1', kind: 'Service' },
  [SLICES]: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
};
const RETRY_MS = 200;

/** Puts objects into a real API server, one change after the other, trying until it has taken each. */
export class RealObject implements ObjectStore {
  readonly #http: string;
  readonly #stopping: AbortSignal;
  /** Written into what is put. */
  version = 0;
  /** Resolves when all that was asked for is done; rejects where it never can be. */
  done: Promise<void> = Promise.resolve();

  /** `http`: where everybody may do everything. Once `stopping` is aborted nothing is tried again. */
  constructor(http: string, stopping: AbortSignal) {
    this.#http = http;
    this.#stopping = stopping;
  }

  put(path: string, object: FakeObject): void {
    const annotations = { [VERSION]: `${this.version}` };
    const body = JSON.stringify({ ...TYPES[path], ...object, metadata: { ...object.metadata, annotations } });
    const { namespace, name } = object.metadata;
    const collection = collectionOf(path, namespace);
    const one = `${collection}/${name}`;
    this.#then(async () => {
      // What is there is changed, what is not is made; by the time of the second it may be the other way round.
      const patched = await this.#send('PATCH', one, 'application/merge-patch+json', body);
      if (patched !== 404) return patched;
      return await this.#send('POST', collection, 'application/json', body);
    });
  }

  remove(path: string, namespace: string, name: string): void {
    this.#then(async () => {
      const status = await this.#send('DELETE', `${collectionOf(path, namespace)}/${name}`);
      return status === 404 ? 200 : status;
    });
  }

  #then(change: () => Promise<number>): void {
    this.done = this.done.then(async () => {
      while (!this.#stopping.aborted) {
        const status = await change().catch(() => 0);
        if (status >= 200 && status < 300) return;
        if (status === 400 || status === 422) throw new Error(`the API server refused an object: ${status}`);
        await delay(RETRY_MS);
      }
    });
  }

  async #send(method: string, path: string, type?: string, body?: string): Promise<number> {
    const response = await fetch(this.#http + path, {
      method,
      ...(type !== undefined && { headers: { 'content-type': type } }),
      ...(body !== undefined && { body }),
    });
    await response.arrayBuffer();
    return response.status;
  }
}

const collectionOf = (path: string, namespace?: string): string =>
  namespace === undefined ? path : path.replace(/\/([^/]+)$/, `/namespaces/${namespace}/$1`);
