import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES, SLICES } from '#test/fake-api-server.ts';
import { VERSION } from './real-object.ts';

/** A version of an object, by its name, that the API server has told of; of one that is gone, the one after its last. */
export type Told = (name: string, version: number) => void;

const RETRY_MS = 100;

/** Watches the objects that change, beside the server that is judged: what this has been told, that has been told too. */
export const watchChanges = (http: string, stopping: AbortSignal, told: Told): Promise<unknown> =>
  Promise.all([SERVICES, SLICES].map((path) => follow(`${http}${path}?watch=true`, stopping, told)));

const follow = async (url: string, stopping: AbortSignal, told: Told): Promise<void> => {
  while (!stopping.aborted) {
    try {
      // From the present on: it begins with all objects as they are.
      await read(await fetch(url, { signal: stopping }), told);
    } catch {
      await delay(RETRY_MS); // the API server is away
    }
  }
};

interface WatchLine {
  readonly type: string;
  readonly object: { readonly metadata: { readonly name: string; readonly annotations?: Record<string, string> } };
}

const read = async ({ body }: Response, told: Told): Promise<void> => {
  if (body === null) return;
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of body) {
    const lines = (text + decoder.decode(part as Uint8Array, { stream: true })).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as WatchLine;
      const version = object.metadata.annotations?.[VERSION];
      if (version !== undefined) told(object.metadata.name, Number(version) + (type === 'DELETED' ? 1 : 0));
    }
  }
};
