import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { RawObject } from '../objects/json.ts';
import { checkMagic, MAGIC } from './envelope.ts';
import { readMessage } from './read-message.ts';
import { LIST_ITEMS_FIELD, LIST_META, LIST_METADATA_FIELD, type Schema } from './schema.ts';

const EMPTY = Buffer.alloc(0);
/** No object in etcd is above 1.5 MiB by default; one far above that is no object. */
const MAX_OBJECT_OCTETS = 64 * 1024 * 1024;
/** Octets of a tag and a length at the most. */
const MAX_HEAD_OCTETS = 15;
const LENGTH_DELIMITED = 2;
const RAW_FIELD = 2;

/**
 * Takes a list apart while it arrives, object by object.
 *
 *     k8s\0  typeMeta  raw{ metadata  item  item  item ... }  contentEncoding  contentType
 */
export class ProtobufListSplitter {
  readonly #schema: Schema;
  readonly #takeItem: (item: unknown) => void;
  #carried: Buffer = EMPTY;
  #part: 'magic' | 'envelope' | 'list' | 'rest' = 'magic';
  /** Octets of the list that are still to come. */
  #listLeft = 0;
  #metadata: RawObject = {};

  constructor(schema: Schema, takeItem: (item: unknown) => void) {
    this.#schema = schema;
    this.#takeItem = takeItem;
  }

  /** The next octets. Throws an Error where they are no list. */
  push(chunk: Buffer): void {
    const bytes = this.#carried.length === 0 ? chunk : Buffer.concat([this.#carried, chunk]);
    let at = 0;
    for (let used = -1; used !== 0 && at < bytes.length; at += used) used = this.#take(bytes.subarray(at));
    this.#carried = at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  /** What is around the objects, as in JSON. Throws an Error where the octets ended early. */
  finish(): RawObject {
    if (this.#part !== 'rest') throw new Error('the list ended early');
    return { metadata: this.#metadata };
  }

  /** Takes the first whole part; gives how many octets that was, 0 where it is not whole yet. */
  #take(bytes: Buffer): number {
    switch (this.#part) {
      case 'magic':
        if (bytes.length < MAGIC.length) return 0;
        checkMagic(bytes);
        this.#part = 'envelope';
        return MAGIC.length;
      case 'envelope':
        return this.#takeEnvelope(bytes);
      case 'list':
        return this.#takeOfList(bytes);
      case 'rest':
        return bytes.length;
    }
  }

  #takeEnvelope(bytes: Buffer): number {
    const head = headOf(bytes);
    if (head === null) return 0;
    const { field, length, octets } = head;
    if (field !== RAW_FIELD) return octets + length <= bytes.length ? octets + length : 0;
    this.#listLeft = length;
    this.#part = length === 0 ? 'rest' : 'list';
    return octets;
  }

  #takeOfList(bytes: Buffer): number {
    const head = headOf(bytes);
    if (head === null) return 0;
    const { field, length, octets } = head;
    const end = octets + length;
    if (end > this.#listLeft) throw new Error('an object is longer than the list');
    if (end > bytes.length) return 0;
    const content = bytes.subarray(octets, end);
    if (field === LIST_METADATA_FIELD) this.#metadata = readMessage(content, LIST_META);
    else if (field === LIST_ITEMS_FIELD) this.#takeItem(readMessage(content, this.#schema));
    this.#listLeft -= end;
    if (this.#listLeft === 0) this.#part = 'rest';
    return end;
  }
}

interface Head {
  readonly field: number;
  /** Octets of the content, and of the head itself. */
  readonly length: number;
  readonly octets: number;
}

/** Field and length at the beginning; null where they are not whole yet. Envelopes and lists have no other fields than with lengths. */
const headOf = (bytes: Buffer): Head | null => {
  if (!isWhole(bytes, 0)) return null;
  const reader = new BinaryReader(bytes.subarray(0, MAX_HEAD_OCTETS));
  const [field, wireType] = reader.tag();
  if (wireType !== LENGTH_DELIMITED) throw new Error(`a field of the wire type ${wireType} in a list`);
  if (!isWhole(bytes, reader.pos)) return null;
  const length = reader.uint32();
  if (length > MAX_OBJECT_OCTETS && field !== RAW_FIELD) throw new Error(`an object of ${length} octets`);
  return { field, length, octets: reader.pos };
};

/** Is the variable-length number that begins here whole? */
const isWhole = (bytes: Buffer, from: number): boolean => {
  for (let at = from; at < bytes.length; at++) if ((bytes[at] as number) < 0x80 || at - from >= 9) return true;
  return false;
};
