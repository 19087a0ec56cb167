import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One manifest file as a directory lists it. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
  /** Changes whenever the content may have. */
  readonly fingerprint: string;
}

/** What is in a directory now. */
export interface DirectorySnapshot {
  readonly directory: string;
  /** null where it can't be read: `problem` says why. */
  readonly files: readonly ListedFile[] | null;
  readonly problem: string;
}

const MANIFEST = /^[^.].*\.(ya?ml|json)$/i;

/** Lists the manifests of a directory by name; subdirectories and names with a leading dot are left out. */
export const takeSnapshot = (directory: string): DirectorySnapshot => {
  try {
    const names = readdirSync(directory)
      .filter((name) => MANIFEST.test(name))
      .sort();
    const files = names.map((name) => listFile(join(directory, name))).filter((file) => file !== null);
    return { directory, files, problem: '' };
  } catch (error) {
    return { directory, files: null, problem: problemOf(error) };
  }
};

/** One text for a whole state: two equal ones have the same files with the same content. */
export const snapshotKey = (snapshots: readonly DirectorySnapshot[]): string =>
  JSON.stringify(
    snapshots.map(({ files, problem }) => files?.map(({ path, fingerprint }) => [path, fingerprint]) ?? problem),
  );

/** Follows links, so a ConfigMap's swapped `..data` shows as other files. Pipes and devices would block a read. */
const listFile = (path: string): ListedFile | null => {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile()) return null;
  return { path, size: stat.size, fingerprint: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.ctimeMs}` };
};

const problemOf = (error: unknown): string => {
  const code = (error as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'there is no such directory';
    case 'ENOTDIR':
      return 'this is not a directory: give the directory that the manifests are in';
    case 'EACCES':
    case 'EPERM':
      return 'this directory may not be read by this user';
    default:
      return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
};
