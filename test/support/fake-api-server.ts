import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { HttpFront, type Interception, type SeenRequest } from './http-front.ts';

export type { Interception, SeenRequest } from './http-front.ts';

export const SERVICES = '/api/v1/services';
export const NAMESPACES = '/api/v1/namespaces';
export const PODS = '/api/v1/pods';
export const NODES = '/api/v1/nodes';
export const SERVICE_CIDRS = '/apis/networking.k8s.io/v1/servicecidrs';
export const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';

export interface FakeObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface OpenWatch {
  readonly request: SeenRequest;
  readonly response: ServerResponse;
}

/** A Status object, as an API server sends it with an error. */
export const status = (code: number, message: string, reason = ''): unknown => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  code,
});

/** Answers with an error and its Status object. */
export const refuse =
  (code: number, message: string, headers: OutgoingHttpHeaders = {}): Interception =>
  (_, response) => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(status(code, message)));
    return true;
  };

/**
 * A small API server over a real socket: lists with pages and continue tokens, watches, and whatever a test puts in
 * their place. It keeps each change, so that a watch may begin at an older resourceVersion.
 */
export class FakeApiServer extends HttpFront {
  readonly watches = new Set<OpenWatch>();
  resourceVersion = 100;
  /** True: a watch may begin with all objects. False: that is refused, as by older servers. */
  canWatchList = false;
  /** How often that was refused. */
  watchListsRefused = 0;
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #history: { readonly path: string; readonly version: number; readonly line: string }[] = [];

  /** Stores an object, and tells the watches unless `isSilent`. */
  put(path: string, object: FakeObject, isSilent = false): void {
    const key = keyOf(object);
    const objects = this.#of(path);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.resourceVersion) } };
    const type = objects.has(key) ? 'MODIFIED' : 'ADDED';
    objects.set(key, stored);
    if (!isSilent) this.#tell(path, type, stored);
  }

  remove(path: string, namespace: string, name: string, isSilent = false): void {
    const key = `${namespace}/${name}`;
    const old = this.#of(path).get(key);
    if (old === undefined) return;
    this.#of(path).delete(key);
    this.resourceVersion++;
    const metadata = { ...old.metadata, resourceVersion: String(this.resourceVersion) };
    if (!isSilent) this.#tell(path, 'DELETED', { ...old, metadata });
  }

  /** A bookmark of the present resourceVersion, to the open watches of a path. */
  bookmark(path: string): void {
    const object = { metadata: { resourceVersion: String(this.resourceVersion) } };
    this.send(path, `${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** The bookmark that ends the objects at the beginning of a watch. */
  endObjects(path: string): void {
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    const object = { metadata: { resourceVersion: String(this.resourceVersion), annotations } };
    this.send(path, `${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  /** Writes raw text into the open watches of a path. */
  send(path: string, text: string): void {
    for (const { response } of this.watchesOf(path)) if (!response.writableEnded) response.write(text);
  }

  watchesOf(path: string): readonly OpenWatch[] {
    return [...this.watches].filter((watch) => watch.request.path === path);
  }

  protected override receive(request: SeenRequest, response: ServerResponse): void {
    if (request.query.has('sendInitialEvents') && !this.canWatchList) {
      this.watchListsRefused++;
      refuse(422, 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled')(
        request,
        response,
      );
    } else super.receive(request, response);
  }

  protected override serve(request: SeenRequest, response: ServerResponse): void {
    if (request.isWatch) this.openWatch(request, response);
    else this.#list(request, response);
  }

  /** Begins a watch: what has changed since its resourceVersion, then what changes. */
  openWatch(request: SeenRequest, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const watch = { request, response };
    this.watches.add(watch);
    response.on('close', () => this.watches.delete(watch));
    if (request.query.get('sendInitialEvents') === 'true') {
      for (const object of this.#of(request.path).values())
        response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      this.endObjects(request.path);
      return;
    }
    const since = Number(request.query.get('resourceVersion'));
    for (const { path, version, line } of this.#history) {
      if (path === request.path && version > since) response.write(line);
    }
  }

  #list({ path, query }: SeenRequest, response: ServerResponse): void {
    const all = [...this.#of(path).values()];
    const start = Number(query.get('continue') ?? 0);
    const end = query.has('limit') ? start + Number(query.get('limit')) : all.length;
    const next = end < all.length ? { continue: String(end), remainingItemCount: all.length - end } : {};
    const metadata = { resourceVersion: String(this.resourceVersion), ...next };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata, items: all.slice(start, end) }));
  }

  #tell(path: string, type: string, object: FakeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#history.push({ path, version: this.resourceVersion, line });
    this.send(path, line);
  }

  #of(path: string): Map<string, FakeObject> {
    let objects = this.#objects.get(path);
    if (objects === undefined) {
      objects = new Map();
      this.#objects.set(path, objects);
    }
    return objects;
  }
}

const keyOf = ({ metadata }: FakeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`;
