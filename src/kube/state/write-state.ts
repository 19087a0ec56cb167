import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { KubeObject } from '../source.ts';
import { MAX_STATE_BYTES, type StateHeader, stateChunks } from './state-text.ts';

/** A temporary file that nobody has written to for so long was left by a process that was killed. */
const LEFT_BEHIND_MS = 60_000;

/**
 * Puts a new state in the place of the old one, and gives its octets. Each piece is a wait for the disk, so queries are answered in
 * between. Where it fails the old file stays, and it rejects with the system's error.
 *
 * The directory is not synced after the rename: a machine that loses power has the old state or the new one, both whole.
 */
export const writeStateFile = async (
  file: string,
  header: StateHeader,
  objects: Iterable<KubeObject>,
): Promise<number> => {
  await removeLeftBehind(file);
  // Two processes may be given one file, while one takes the place of the other: each writes one of its own.
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const handle = await open(temporary, 'wx', 0o600);
  try {
    const bytes = await writeAll(handle, stateChunks(header, objects));
    await rename(temporary, file);
    return bytes;
  } catch (error) {
    // A directory that went away can't be cleaned up, and what went wrong first is what matters.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
};

const writeAll = async (handle: FileHandle, chunks: Iterable<Buffer>): Promise<number> => {
  let bytes = 0;
  try {
    for (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAX_STATE_BYTES) throw new RangeError(`the state has more than ${MAX_STATE_BYTES} octets`);
      await handle.appendFile(chunk);
    }
    await handle.sync();
    return bytes;
  } finally {
    await handle.close();
  }
};

const removeLeftBehind = async (file: string): Promise<void> => {
  const directory = dirname(file);
  const prefix = `${basename(file)}.`;
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
    const path = join(directory, name);
    // Another process may have finished it in this moment.
    const found = await stat(path).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > LEFT_BEHIND_MS) await rm(path, { force: true });
  }
};
