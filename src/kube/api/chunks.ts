import type { Readable } from 'node:stream';
import { turns } from './turns.ts';

/**
 * Gives each chunk of a body to `take`. Queries are answered in between: Node would otherwise read up to 32 chunks of
 * 64 KiB from one busy connection before it looks at any other. Rejects where the body ends too early.
 */
export const readChunks = async (body: Readable, take: (chunk: Buffer) => void): Promise<void> => {
  for await (const chunk of body) {
    while (turns.isOver()) await turns.next();
    take(chunk as Buffer);
  }
};
