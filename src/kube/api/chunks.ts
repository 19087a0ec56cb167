import type { Readable } from 'node:stream';
import { turns } from './turns.ts';

/** Some tens of objects: a chunk of 64 KiB whole is several ms of work while the code is new. */
const SLICE_OCTETS = 16 * 1024;

/**
 * Gives a body to `take`, piece by piece. Queries are answered in between: Node would otherwise read up to 32 chunks of
 * 64 KiB from one busy connection before it looks at any other. Rejects where the body ends too early.
 */
export const readChunks = async (body: Readable, take: (chunk: Buffer) => void): Promise<void> => {
  for await (const chunk of body) {
    const octets = chunk as Buffer;
    for (let at = 0; at < octets.length; at += SLICE_OCTETS) {
      while (turns.isOver()) await turns.next();
      take(octets.subarray(at, at + SLICE_OCTETS));
    }
  }
};
