import { asObject, asText } from '../objects/json.ts';
import { ProtobufListSplitter } from '../protobuf/list-splitter.ts';
import { KIND_SCHEMAS } from '../protobuf/schema.ts';
import type { Known } from '../source.ts';
import { readChunks } from './chunks.ts';
import type { ApiClient } from './client.ts';
import type { Clock } from './clock.ts';
import { isProtobuf } from './format.ts';
import { ItemSplitter } from './item-splitter.ts';
import { KubeError, textOf } from './kube-error.ts';
import { pathOf, type Resource } from './resource.ts';
import { LIST_IDLE_MS, StallGuard } from './stall-guard.ts';

/**
 * Objects a page. Pages bound what the server holds for one request; here every page is parsed in slices
 * anyway, so they may be larger than what could be parsed at once.
 */
const PAGE_OBJECTS = 1000;

export interface ListOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly resource: Resource<Known>;
  readonly signal: AbortSignal;
  /** Called with each object as the server gives it. */
  readonly take: (raw: unknown) => void;
}

/**
 * How a list is asked for.
 * - `any`: as the server has it in memory, perhaps a moment old. It comes in one piece, and from servers without a watch cache in pages.
 *   Before Kubernetes 1.34 pages come from etcd, at several times the cost: `node bench/run.mjs scale measure`.
 * - `pages`: as it is now.
 * - `whole`: as it is now, in one piece, which needs no continue token.
 */
export type ListForm = 'any' | 'pages' | 'whole';

const FORMS: Readonly<Record<ListForm, Readonly<Record<string, string>>>> = {
  any: { limit: String(PAGE_OBJECTS), resourceVersion: '0' },
  pages: { limit: String(PAGE_OBJECTS) },
  whole: {},
};

/**
 * Reads a whole list and gives its resourceVersion. Rejects with a KubeError.
 * Where the server forgets the continue token (410) it rejects with KUBE_EXPIRED; the form `whole` then needs none.
 */
export const readList = async (options: ListOptions, form: ListForm): Promise<string> => {
  const { resource } = options;
  for (let query = FORMS[form]; ; ) {
    const { resourceVersion, next } = await readPage(options, pathOf(resource, query));
    if (next === '') return resourceVersion;
    // The token has the version in it, and a server refuses another beside it.
    query = { ...FORMS.pages, continue: next };
  }
};

/** The resourceVersion that a kind has now: a list of one object. Rejects with a KubeError. */
export const readVersion = async (options: Omit<ListOptions, 'take'>): Promise<string> => {
  const path = pathOf(options.resource, { limit: '1' });
  const { resourceVersion } = await readPage({ ...options, take: () => undefined }, path);
  return resourceVersion;
};

interface PageEnd {
  readonly resourceVersion: string;
  readonly next: string;
}

const readPage = async (options: ListOptions, path: string): Promise<PageEnd> => {
  const { client, clock, resource, signal, take } = options;
  const body = await client.get(path, signal);
  const page = new StallGuard(clock, body, 'the list', LIST_IDLE_MS);
  try {
    const isProto = isProtobuf(body);
    const splitter = isProto ? new ProtobufListSplitter(KIND_SCHEMAS[resource.kind], take) : new ItemSplitter(take);
    await readChunks(body, (chunk) => {
      page.moved();
      understood(() => splitter.push(chunk));
    });
    return endOf(understood(() => splitter.finish()));
  } catch (error) {
    if (error instanceof KubeError) throw error;
    throw new KubeError('KUBE_UNREACHABLE', `list broken off: ${textOf(error)}`, { cause: error });
  } finally {
    page.end();
    body.destroy();
  }
};

/** What a server has sent and what can't be read is no trouble of the connection. */
const understood = <T>(read: () => T): T => {
  try {
    return read();
  } catch (error) {
    throw new KubeError('KUBE_BROKEN_DATA', `list broken off: ${textOf(error)}`, { cause: error });
  }
};

const endOf = (envelope: unknown): PageEnd => {
  const { metadata } = asObject(envelope);
  const { resourceVersion, continue: next } = asObject(metadata);
  if (asText(resourceVersion) === '') throw new KubeError('KUBE_BROKEN_DATA', 'the list has no resourceVersion');
  return { resourceVersion: asText(resourceVersion), next: asText(next) };
};
