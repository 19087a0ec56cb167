import { readFileSync } from 'node:fs';
import type { DirectorySnapshot, ListedFile } from './directory-snapshot.ts';
import { faultOf, type ManifestFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';
import { type ManifestObject, type ReadObjects, readObjects } from './read-objects.ts';

/** A manifest file may have at most so many octets. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** All that the directories hold now. */
export interface ManifestContents {
  readonly objects: readonly ManifestObject[];
  readonly namespaces: ReadonlySet<string>;
  readonly faults: readonly ManifestFault[];
}

/** Reads directories again and again: only what has changed, and what has become unreadable stays as it was. */
export class ManifestReader {
  #known = new Map<string, KnownFile>();

  /** The objects of these states, in their order. */
  read(snapshots: readonly DirectorySnapshot[]): ManifestContents {
    const known = new Map<string, KnownFile>();
    const faults: ManifestFault[] = [];
    for (const { directory, files, problem } of snapshots) {
      if (files === null) {
        const kept = this.#keepAll(directory, known);
        faults.push(faultOf(directory, kept ? `${problem}: what it had stays` : problem));
        continue;
      }
      for (const file of files) known.set(file.path, this.#readFile(directory, file));
    }
    this.#known = known;
    return gather(known, faults);
  }

  #readFile(directory: string, file: ListedFile): KnownFile {
    const before = this.#known.get(file.path);
    if (before?.fingerprint === file.fingerprint) return before;
    const { content, faults, isBroken } = readContent(file);
    const { fingerprint } = file;
    if (!isBroken || before === undefined) return { directory, fingerprint, content, faults };
    const kept = faults.map((fault) => ({ ...fault, message: `${fault.message} (the file's last good objects stay)` }));
    return { directory, fingerprint, content: before.content, faults: kept };
  }

  #keepAll(directory: string, known: Map<string, KnownFile>): boolean {
    const of = [...this.#known].filter(([, file]) => file.directory === directory);
    for (const [path, file] of of) known.set(path, file);
    return of.length > 0;
  }
}

interface KnownFile {
  readonly directory: string;
  readonly fingerprint: string;
  readonly content: ReadObjects;
  readonly faults: readonly ManifestFault[];
}

interface FileContent {
  readonly content: ReadObjects;
  readonly faults: readonly ManifestFault[];
  /** Some part of it could not be read, so nobody knows what was in there. */
  readonly isBroken: boolean;
}

const readContent = ({ path, size }: ListedFile): FileContent => {
  if (size > MAX_FILE_BYTES) {
    return nothing(path, `${size} bytes are more than the ${MAX_FILE_BYTES} that a manifest may have: split the file`);
  }
  const text = readText(path);
  if (typeof text !== 'string') return nothing(path, `cannot be read: ${text.message}`);
  const parsed = parseYaml(path, text);
  const content = readObjects(parsed.documents);
  return { content, faults: [...parsed.faults, ...content.faults], isBroken: parsed.faults.length > 0 };
};

const nothing = (path: string, message: string): FileContent => ({
  content: { objects: [], namespaces: new Set(), faults: [] },
  faults: [faultOf(path, message)],
  isBroken: true,
});

const readText = (path: string): string | Error => {
  try {
    const text = readFileSync(path, 'utf8');
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch (error) {
    return error as Error;
  }
};

const gather = (known: ReadonlyMap<string, KnownFile>, faults: ManifestFault[]): ManifestContents => {
  const objects: ManifestObject[] = [];
  const namespaces = new Set<string>();
  for (const file of known.values()) {
    for (const object of file.content.objects) objects.push(object);
    for (const namespace of file.content.namespaces) namespaces.add(namespace);
    faults.push(...file.faults);
  }
  return { objects, namespaces, faults };
};
