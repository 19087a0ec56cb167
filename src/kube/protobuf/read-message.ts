import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { RawObject } from '../objects/json.ts';
import type { Field, Schema } from './schema.ts';

/**
 * A message as the object that its JSON form would give, with the fields of the schema only. Throws a RangeError or another Error
 * where the octets are no such message.
 */
export const readMessage = (bytes: Uint8Array, schema: Schema): RawObject => {
  const reader = new BinaryReader(bytes);
  return readFields(reader, bytes.length, schema);
};

type Fields = Record<string, unknown>;

const readFields = (reader: BinaryReader, end: number, schema: Schema): RawObject => {
  const fields: Fields = {};
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    const field = schema.get(number);
    if (field === undefined || wireType !== wireTypeOf(field)) pass(reader, wireType);
    else readField(reader, field, fields);
  }
  if (reader.pos > end) throw new RangeError('a field is longer than its message');
  return fields;
};

const readField = (reader: BinaryReader, field: Field, into: Fields): void => {
  const { name } = field;
  switch (field.type) {
    case 'text':
      into[name] = reader.string();
      break;
    case 'number':
      into[name] = reader.int32();
      break;
    case 'boolean':
      into[name] = reader.bool();
      break;
    case 'octets':
      into[name] = reader.bytes();
      break;
    case 'presence':
      pass(reader, WireType.LengthDelimited);
      into[name] = true;
      break;
    case 'texts':
      listOf(into, name).push(reader.string());
      break;
    case 'message':
      into[name] = readFields(reader, endOf(reader), field.schema);
      break;
    case 'messages':
      listOf(into, name).push(readFields(reader, endOf(reader), field.schema));
      break;
    case 'map':
      readEntry(reader, into, name);
      break;
  }
};

const wireTypeOf = ({ type }: Field): WireType =>
  type === 'number' || type === 'boolean' ? WireType.Varint : WireType.LengthDelimited;

/** End of the message that begins here. */
const endOf = (reader: BinaryReader): number => {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('a message is longer than what holds it');
  return end;
};

/** Goes past a field; without a look at what is in it where its length is told. */
const pass = (reader: BinaryReader, wireType: WireType): void => {
  if (wireType === WireType.LengthDelimited) reader.pos = endOf(reader);
  else reader.skip(wireType);
};

const listOf = (fields: Fields, name: string): unknown[] => {
  const known = fields[name];
  if (known !== undefined) return known as unknown[];
  const list: unknown[] = [];
  fields[name] = list;
  return list;
};

const KEY = 1;
const VALUE = 2;

/** One entry of a map of texts. */
const readEntry = (reader: BinaryReader, into: Fields, name: string): void => {
  const end = endOf(reader);
  let key = '';
  let value = '';
  while (reader.pos < end) {
    const [number, wireType] = reader.tag();
    if (number === KEY && wireType === WireType.LengthDelimited) key = reader.string();
    else if (number === VALUE && wireType === WireType.LengthDelimited) value = reader.string();
    else pass(reader, wireType);
  }
  if (reader.pos > end) throw new RangeError('an entry is longer than its map');
  // No prototype: a label may be called `constructor`.
  into[name] ??= Object.create(null) as Record<string, string>;
  (into[name] as Record<string, string>)[key] = value;
};
