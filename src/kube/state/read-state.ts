import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { textOf } from '../api/kube-error.ts';
import { turns } from '../api/turns.ts';
import { StateParser, type StateReading } from './state-parser.ts';
import { MAX_STATE_BYTES } from './state-text.ts';

/** `absent`: there is no such file. */
export type LoadedState = StateReading | { readonly kind: 'absent' };

/**
 * Reads a state file that is to be of `cluster`, in turns of the event loop. Never rejects: a file that can't be used has a
 * reason.
 */
export const readStateFile = async (file: string, cluster: string): Promise<LoadedState> => {
  try {
    const found = await stat(file);
    // A pipe would be waited for.
    if (!found.isFile()) return { kind: 'unusable', reason: 'it is no regular file' };
    if (found.size > MAX_STATE_BYTES) return { kind: 'unusable', reason: `it has more than ${MAX_STATE_BYTES} octets` };
    const parser = new StateParser(cluster);
    for await (const chunk of createReadStream(file)) {
      if (!parser.push(chunk as Buffer)) break;
      while (turns.isOver()) await turns.next();
    }
    return parser.finish();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'absent' };
    return { kind: 'unusable', reason: `it can't be read: ${textOf(error)}` };
  }
};
