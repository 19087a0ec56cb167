import { createHash } from 'node:crypto';
import type { KubeObject } from '../source.ts';
import { objectFromRaw } from './object-json.ts';
import { END_PREFIX, endLine, MAX_STATE_BYTES, parsedOrNull, readHeader, type StateHeader } from './state-text.ts';

const NEWLINE = 0x0a;
/** Longest line: as for a watch event. No object in etcd is above 1.5 MiB by default. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** A whole state; or why the file is of no use, in words that say it of "it". */
export type StateReading =
  | {
      readonly kind: 'state';
      readonly header: StateHeader;
      readonly objects: readonly KubeObject[];
      readonly bytes: number;
    }
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Reads a state file while its octets come in. Nothing of it may be used before `finish` has said that it is whole: the
 * checksum stands at its end. It never throws.
 */
export class StateParser {
  readonly #cluster: string;
  readonly #hash = createHash('sha256');
  readonly #objects: KubeObject[] = [];
  /** What has come behind the last newline. */
  #rest: Buffer[] = [];
  #restBytes = 0;
  #bytes = 0;
  #lines = 0;
  #header: StateHeader | null = null;
  #hasEnded = false;
  #reason: string | null = null;

  /** `cluster`: what the file is to be of, as `clusterIdentity` gives it. */
  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** False once it is clear that the file is of no use: the rest of it need not be read. */
  push(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_STATE_BYTES) this.#reason ??= `it has more than ${MAX_STATE_BYTES} octets`;
    const last = chunk.lastIndexOf(NEWLINE);
    if (last === -1) this.#carry(chunk);
    else {
      this.#takeLines(Buffer.concat([...this.#rest, chunk.subarray(0, last + 1)]));
      this.#rest = [];
      this.#restBytes = 0;
      this.#carry(chunk.subarray(last + 1));
    }
    return this.#reason === null;
  }

  finish(): StateReading {
    if (this.#bytes === 0) this.#reason = 'it is empty';
    if (!this.#hasEnded) this.#reason ??= 'it is cut short';
    if (this.#restBytes > 0) this.#reason ??= 'something follows its end';
    if (this.#reason !== null || this.#header === null)
      return { kind: 'unusable', reason: this.#reason ?? 'it is no state file' };
    return { kind: 'state', header: this.#header, objects: this.#objects, bytes: this.#bytes };
  }

  #carry(octets: Buffer): void {
    if (octets.length === 0) return;
    this.#rest.push(octets);
    this.#restBytes += octets.length;
    if (this.#restBytes > MAX_LINE_BYTES) this.#reason ??= `it has a line of more than ${MAX_LINE_BYTES} octets`;
  }

  /** Whole lines, each with its newline. */
  #takeLines(lines: Buffer): void {
    let start = 0;
    for (let end = lines.indexOf(NEWLINE); end !== -1 && this.#reason === null; end = lines.indexOf(NEWLINE, start)) {
      const line = lines.toString('utf8', start, end);
      if (line.startsWith(END_PREFIX) && this.#header !== null && !this.#hasEnded) {
        this.#hash.update(lines.subarray(0, start));
        this.#takeEnd(line);
      } else this.#takeLine(line);
      start = end + 1;
    }
    if (!this.#hasEnded) this.#hash.update(lines);
  }

  #takeLine(line: string): void {
    this.#lines++;
    if (this.#hasEnded) this.#reason = 'something follows its end';
    else if (this.#header === null) {
      const header = readHeader(line, this.#cluster);
      if ('unusable' in header) this.#reason = header.unusable;
      else this.#header = header;
    } else {
      const object = objectFromRaw(parsedOrNull(line));
      if (object === null) this.#reason = `it is damaged: line ${this.#lines} is no object`;
      else this.#objects.push(object);
    }
  }

  #takeEnd(line: string): void {
    this.#hasEnded = true;
    if (line !== endLine(this.#objects.length, this.#hash.digest('hex')))
      this.#reason = 'it is damaged: its checksum does not fit';
  }
}
