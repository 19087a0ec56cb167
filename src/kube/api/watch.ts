import { asObject, asText } from '../objects/json.ts';
import { readChunks } from './chunks.ts';
import type { ApiClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KubeError, textOf } from './kube-error.ts';
import { LineSplitter } from './line-splitter.ts';
import { pathOf, type Resource } from './resource.ts';
import { eventError } from './status.ts';

const MIN_TIMEOUT_SECONDS = 300;
/** A server that has not ended a watch this long after it should have is not there any more. */
const MARGIN_MS = 30_000;

export interface WatchEvent {
  readonly type: 'set' | 'delete' | 'bookmark';
  readonly raw: unknown;
  readonly resourceVersion: string;
}

export interface WatchOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: () => number;
  readonly resource: Resource;
  readonly signal: AbortSignal;
  /** Called once the server has accepted the watch. */
  readonly opened: () => void;
  readonly take: (event: WatchEvent) => void;
}

/**
 * Watches from a resourceVersion on until the server ends it, after 300 to 600 s. Rejects with a KubeError:
 * KUBE_EXPIRED where the resourceVersion is too old.
 */
export const watchOnce = async (options: WatchOptions, resourceVersion: string): Promise<void> => {
  const { client, clock, random, resource, signal, opened } = options;
  const timeoutSeconds = MIN_TIMEOUT_SECONDS + Math.floor(random() * MIN_TIMEOUT_SECONDS);
  const query = { watch: 'true', allowWatchBookmarks: 'true', resourceVersion, timeoutSeconds: `${timeoutSeconds}` };
  const body = await client.get(pathOf(resource, query), signal);
  const limitMs = timeoutSeconds * 1000 + MARGIN_MS;
  const stop = clock.deadline(limitMs, () => {
    body.destroy(new KubeError('KUBE_UNREACHABLE', `the server did not end the watch within ${limitMs} ms`));
  });
  try {
    opened();
    const lines = new LineSplitter((line) => takeLine(line, options));
    await readChunks(body, (chunk) => lines.push(chunk));
    // An event that was cut off comes again: the next watch begins after the last whole one.
  } catch (error) {
    if (error instanceof KubeError) throw error;
    throw new KubeError('KUBE_UNREACHABLE', `watch broken off: ${textOf(error)}`, { cause: error });
  } finally {
    stop();
    body.destroy();
  }
};

const takeLine = (line: string, options: WatchOptions): void => {
  const event = asObject(parsed(line));
  if (event.type === 'ERROR') throw eventError(event.object);
  const type = TYPES.get(event.type);
  // An event of a type that is not known yet is none of ours.
  if (type === undefined) return;
  const resourceVersion = asText(asObject(asObject(event.object).metadata).resourceVersion);
  options.take({ type, raw: event.object, resourceVersion });
};

const TYPES = new Map<unknown, WatchEvent['type']>([
  ['ADDED', 'set'],
  ['MODIFIED', 'set'],
  ['DELETED', 'delete'],
  ['BOOKMARK', 'bookmark'],
]);

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line) as unknown;
  } catch (error) {
    throw new KubeError('KUBE_BROKEN_DATA', `watch event is not JSON: ${textOf(error)}`, { cause: error });
  }
};
