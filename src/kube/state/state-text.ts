import { createHash } from 'node:crypto';
import { asObject, asText } from '../objects/json.ts';
import type { KubeObject } from '../source.ts';
import { rawObject } from './object-json.ts';

/*
 * A state file: one JSON value a line, in UTF-8.
 *
 *     {"format":"cluster-dns state","version":1,"cluster":{...},"savedAt":"2026-01-02T03:04:05.000Z"}
 *     {"kind":"Service","metadata":{...},"spec":{...}}         any number of objects, Namespaces last
 *     {"end":{"objects":1,"sha256":"..."}}                     of all octets above this line
 */
const FORMAT = 'cluster-dns state';
const VERSION = 1;
/** What the last line begins with, and no other one. */
export const END_PREFIX = '{"end":';

/** A file above this is neither written nor read: more than half a million objects. */
export const MAX_STATE_BYTES = 256 * 1024 * 1024;
/** Text is gathered to this size: a ms of work, or less. */
const CHUNK_CHARACTERS = 32 * 1024;

/** What a state is of, and when it was. */
export interface StateHeader {
  /** As `clusterIdentity` gives it. */
  readonly cluster: string;
  readonly savedAtMs: number;
}

/** The octets of a state file, piece by piece. The objects may change meanwhile. */
export function* stateChunks({ cluster, savedAtMs }: StateHeader, objects: Iterable<KubeObject>): Generator<Buffer> {
  const hash = createHash('sha256');
  const chunkOf = (text: string): Buffer => {
    const chunk = Buffer.from(text);
    hash.update(chunk);
    return chunk;
  };
  const savedAt = new Date(savedAtMs).toISOString();
  const header = { format: FORMAT, version: VERSION, cluster: JSON.parse(cluster) as unknown, savedAt };
  let text = `${JSON.stringify(header)}\n`;
  let count = 0;
  for (const object of objects) {
    text += `${JSON.stringify(rawObject(object))}\n`;
    count++;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield chunkOf(text);
    text = '';
  }
  yield chunkOf(text);
  yield Buffer.from(`${endLine(count, hash.digest('hex'))}\n`);
}

/** The last line. */
export const endLine = (objects: number, sha256: string): string => JSON.stringify({ end: { objects, sha256 } });

/** The header of a file that is to be of `cluster`, or why the file is of no use. */
export const readHeader = (line: string, cluster: string): StateHeader | { readonly unusable: string } => {
  const header = asObject(parsedOrNull(line));
  const { version } = header;
  if (header.format !== FORMAT || typeof version !== 'number') return { unusable: 'it is no state file' };
  if (version !== VERSION)
    return { unusable: `its format is version ${version}, and this server knows version ${VERSION}` };
  if (JSON.stringify(header.cluster) !== cluster)
    return { unusable: 'it is of another cluster, or of other kinds and labels' };
  const savedAtMs = Date.parse(asText(header.savedAt));
  return Number.isNaN(savedAtMs) ? { unusable: 'its header is damaged' } : { cluster, savedAtMs };
};

/** The value; null where the text is no JSON. */
export const parsedOrNull = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Nobody needs to know at which character: the file is of no use.
    return null;
  }
};
