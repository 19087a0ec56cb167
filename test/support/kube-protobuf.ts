import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { MAGIC } from '#kube/protobuf/envelope.ts';
import { type Field, LIST_ITEMS_FIELD, LIST_META, LIST_METADATA_FIELD, type Schema } from '#kube/protobuf/schema.ts';

type Fields = Readonly<Record<string, unknown>>;

/** An object as an API server writes it, with a field that nobody reads (managedFields) behind all others. */
export const writeMessage = (object: Fields, schema: Schema): Uint8Array => {
  const writer = new BinaryWriter();
  for (const [number, field] of schema) {
    const value = object[field.name];
    if (value !== undefined) writeField(writer, number, field, value);
  }
  return writer.tag(17, WireType.LengthDelimited).string('{"f:spec":{}}').finish();
};

const writeField = (writer: BinaryWriter, number: number, field: Field, value: unknown): void => {
  const delimited = (): BinaryWriter => writer.tag(number, WireType.LengthDelimited);
  switch (field.type) {
    case 'text':
      delimited().string(value as string);
      break;
    case 'texts':
      for (const each of value as readonly string[]) delimited().string(each);
      break;
    case 'number':
      writer.tag(number, WireType.Varint).int32(value as number);
      break;
    case 'boolean':
      writer.tag(number, WireType.Varint).bool(value as boolean);
      break;
    case 'octets':
      delimited().bytes(value as Uint8Array);
      break;
    case 'presence':
      delimited().bytes(Uint8Array.of(8, 1));
      break;
    case 'message':
      delimited().bytes(writeMessage(value as Fields, field.schema));
      break;
    case 'messages':
      for (const each of value as readonly Fields[]) delimited().bytes(writeMessage(each, field.schema));
      break;
    case 'map':
      for (const [key, each] of Object.entries(value as Fields)) {
        const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string(key);
        delimited().bytes(
          entry
            .tag(2, WireType.LengthDelimited)
            .string(each as string)
            .finish(),
        );
      }
      break;
  }
};

/** Octets of a message in the envelope that an API server puts around it. */
export const envelope = (kind: string, raw: Uint8Array): Buffer => {
  const typeMeta = new BinaryWriter().tag(1, WireType.LengthDelimited).string('v1');
  typeMeta.tag(2, WireType.LengthDelimited).string(kind);
  const unknown = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(typeMeta.finish());
  unknown.tag(2, WireType.LengthDelimited).bytes(raw);
  unknown.tag(3, WireType.LengthDelimited).string('').tag(4, WireType.LengthDelimited).string('');
  return Buffer.concat([MAGIC, unknown.finish()]);
};

/** A list with its metadata, in its envelope. */
export const writeList = (metadata: Fields, items: readonly Fields[], schema: Schema): Buffer => {
  const list = new BinaryWriter();
  list.tag(LIST_METADATA_FIELD, WireType.LengthDelimited).bytes(writeMessage(metadata, LIST_META));
  for (const item of items) list.tag(LIST_ITEMS_FIELD, WireType.LengthDelimited).bytes(writeMessage(item, schema));
  return envelope('List', list.finish());
};

/** An event of a watch with its length in front. `object` is in its envelope. */
export const writeEvent = (type: string, object: Uint8Array): Buffer => {
  const raw = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(object).finish();
  const event = new BinaryWriter().tag(1, WireType.LengthDelimited).string(type);
  const octets = event.tag(2, WireType.LengthDelimited).bytes(raw).finish();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
};
