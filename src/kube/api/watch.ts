import { asObject, asText, type RawObject } from '../objects/json.ts';
import { readEnvelope } from '../protobuf/envelope.ts';
import { FrameSplitter } from '../protobuf/frame-splitter.ts';
import { readMessage } from '../protobuf/read-message.ts';
import { KIND_SCHEMAS, WATCH_EVENT } from '../protobuf/schema.ts';
import type { Kind, Known } from '../source.ts';
import { readChunks } from './chunks.ts';
import type { ApiClient } from './client.ts';
import type { Clock } from './clock.ts';
import { isProtobuf } from './format.ts';
import { KubeError, textOf } from './kube-error.ts';
import { LineSplitter } from './line-splitter.ts';
import { pathOf, type Resource } from './resource.ts';
import { LIST_IDLE_MS, StallGuard } from './stall-guard.ts';
import { eventError } from './status.ts';

const MIN_TIMEOUT_SECONDS = 300;
/** A server that has not ended a watch this long after it should have is not there any more. */
const MARGIN_MS = 30_000;
/** API servers send a bookmark each minute. One that hangs keeps its connections open, so nothing else tells. */
const SILENCE_MS = 180_000;

export interface WatchEvent {
  readonly type: 'set' | 'delete' | 'bookmark';
  readonly raw: unknown;
  readonly resourceVersion: string;
  /** The bookmark after which a watch that began with all objects goes on with changes. */
  readonly isEndOfObjects: boolean;
  /** When the octets of this event were read: `clock.now()`, ms. */
  readonly readAtMs: number;
}

/** Where a watch begins: after a resourceVersion, or, where the server can do that, with all objects as they are. */
export type WatchStart = { readonly after: string } | 'all-objects';

export interface WatchOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly resource: Resource<Known>;
  readonly signal: AbortSignal;
  /** Called once the server has accepted the watch; where it begins with all objects, at their end. */
  readonly opened: () => void;
  readonly take: (event: WatchEvent) => void;
}

/**
 * Watches until the server ends it, after 300 to 600 s. Rejects with a KubeError: KUBE_EXPIRED where the resourceVersion is
 * too old, KUBE_UNSUPPORTED where the server can't begin with all objects (WatchList: KEP-3157).
 */
export const watchOnce = async (options: WatchOptions, start: WatchStart): Promise<void> => {
  const { client, clock, random, resource, signal } = options;
  const timeoutSeconds = MIN_TIMEOUT_SECONDS + Math.floor(random() * MIN_TIMEOUT_SECONDS);
  const query = {
    watch: 'true',
    allowWatchBookmarks: 'true',
    ...startQuery(start),
    timeoutSeconds: `${timeoutSeconds}`,
  };
  /** All objects are still to come, or have begun to. */
  let isBeginning = start === 'all-objects';
  const body = await client.get(pathOf(resource, query), signal).catch((error: unknown) => {
    throw isBeginning ? asUnsupported(error) : error;
  });
  const limitMs = timeoutSeconds * 1000 + MARGIN_MS;
  const stop = clock.deadline(limitMs, () => {
    body.destroy(new KubeError('KUBE_UNREACHABLE', `the server did not end the watch within ${limitMs} ms`));
  });
  const objects = start === 'all-objects' ? new StallGuard(clock, body, 'the list', LIST_IDLE_MS) : null;
  /** Only for a server that has sent a bookmark here: others need not send any. */
  let changes = null as StallGuard | null;
  let readAtMs = 0;
  const take = (event: WatchEvent): void => {
    options.take(event);
    if (event.type === 'bookmark') changes ??= new StallGuard(clock, body, 'the watch', SILENCE_MS);
    if (!event.isEndOfObjects) return;
    isBeginning = false;
    objects?.end();
    options.opened();
  };
  try {
    if (objects === null) options.opened();
    const splitter = isProtobuf(body)
      ? new FrameSplitter((frame) => takeEvent(eventOfFrame(frame, resource.kind), readAtMs, take))
      : new LineSplitter((line) => takeEvent(eventOfLine(line), readAtMs, take));
    await readChunks(body, (chunk) => {
      readAtMs = clock.now();
      objects?.moved();
      changes?.moved();
      splitter.push(chunk);
    });
    // An event that was cut off comes again: the next watch begins after the last whole one.
  } catch (error) {
    // Where etcd is too old the server accepts the watch, and refuses it in its first event, with 500.
    if (error instanceof KubeError) throw isBeginning && error.code === 'KUBE_STATUS' ? unsupported(error) : error;
    throw new KubeError('KUBE_UNREACHABLE', `watch broken off: ${textOf(error)}`, { cause: error });
  } finally {
    stop();
    objects?.end();
    changes?.end();
    body.destroy();
  }
};

const startQuery = (start: WatchStart): Record<string, string> =>
  start === 'all-objects'
    ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
    : { resourceVersion: start.after };

/** Statuses with which servers refuse a query that they don't know: 422, and what stands before them may say. */
const REFUSALS: ReadonlySet<number> = new Set([400, 404, 405, 422, 501]);

const asUnsupported = (error: unknown): unknown =>
  error instanceof KubeError && REFUSALS.has(error.status) ? unsupported(error) : error;

const unsupported = (cause: KubeError): KubeError =>
  new KubeError('KUBE_UNSUPPORTED', cause.message, { status: cause.status, cause });

const takeEvent = (event: RawObject, readAtMs: number, take: (event: WatchEvent) => void): void => {
  if (event.type === 'ERROR') throw eventError(event.object);
  const type = TYPES.get(event.type);
  // An event of a type that is not known yet is none of ours.
  if (type === undefined) return;
  const { resourceVersion, annotations } = asObject(asObject(event.object).metadata);
  const isEndOfObjects = type === 'bookmark' && asObject(annotations)[END_OF_OBJECTS] === 'true';
  take({ type, raw: event.object, resourceVersion: asText(resourceVersion), isEndOfObjects, readAtMs });
};

const END_OF_OBJECTS = 'k8s.io/initial-events-end';

const TYPES = new Map<unknown, WatchEvent['type']>([
  ['ADDED', 'set'],
  ['MODIFIED', 'set'],
  ['DELETED', 'delete'],
  ['BOOKMARK', 'bookmark'],
]);

const eventOfLine = (line: string): RawObject => {
  try {
    return asObject(JSON.parse(line));
  } catch (error) {
    throw new KubeError('KUBE_BROKEN_DATA', `watch event is not JSON: ${textOf(error)}`, { cause: error });
  }
};

const eventOfFrame = (frame: Uint8Array, kind: Kind): RawObject => {
  try {
    const { type, object } = readMessage(frame, WATCH_EVENT);
    const { raw } = asObject(object);
    return { type, object: raw instanceof Uint8Array ? readEnvelope(raw, KIND_SCHEMAS[kind]) : {} };
  } catch (error) {
    throw new KubeError('KUBE_BROKEN_DATA', `watch event is not protobuf: ${textOf(error)}`, { cause: error });
  }
};
