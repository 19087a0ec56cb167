import { readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Where a new file can't be put beside the old one, or not in its place (a mounted file), the old one may still be written to. */
const IN_PLACE = ['EROFS', 'EACCES', 'EPERM', 'EBUSY', 'EXDEV', 'ENOSPC'];

/**
 * Writes a file so that who reads it sees the old text or the new one, and no part: a new file is renamed over it. Where that can't be done it is
 * written in place. A file that has the text already is left alone. Rejects with what to do.
 */
export const writeCorefile = async (file: string, text: string): Promise<void> => {
  const target = await realpath(file).catch(() => file);
  if ((await readFile(target, 'utf8').catch(() => null)) === text) return;
  const beside = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    await writeFile(beside, text);
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => undefined);
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (IN_PLACE.includes(code) && (await isWritten(target, text))) return;
    const hint = `-conf must name a file in a directory that is there and may be written, such as an emptyDir`;
    throw new Error(`the Corefile can't be written: ${message}; ${hint}`, { cause: error });
  }
};

const isWritten = async (file: string, text: string): Promise<boolean> => {
  try {
    await writeFile(file, text);
    return true;
  } catch {
    // The first reason is the one to tell.
    return false;
  }
};
