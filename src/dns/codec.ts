/** RDATA in wire form and in presentation form, for every type; dns-packet stands behind it. */
import { addressFromText, addressText } from './address.ts';
import type { WireName } from './name.ts';
import { binaryFromText, FIELD_KINDS, fieldsFromText, fieldsToText, numberOfField } from './rdata-fields.ts';
import { RDATA_LAYOUT } from './rdata-layout.ts';
import { PACKET_FORMS, recordCodec, Words } from './rdata-packet.ts';
import { RR_TYPE, rrTypeName } from './registry/rr-types.ts';
import { RecordTextError, type TextField } from './text-fields.ts';

/** RDATA as its words, separated by spaces. Octets that are not what the type wants are written as RFC 3597 says: `\# n hex`. */
export const rdataToText = (type: number, rdata: Uint8Array): string => {
  const octets = Buffer.from(rdata.buffer, rdata.byteOffset, rdata.length);
  return knownToText(type, octets)?.join(' ') ?? genericText(octets);
};

/** RDATA from its words; `\# n hex` is understood for every type. Throws RecordTextError. */
export const rdataFromText = (type: number, fields: readonly TextField[]): Buffer => {
  if (fields[0]?.raw === '\\#' && !fields[0].isQuoted) return genericFromText(fields);
  const rdata = knownFromText(type, fields);
  if (rdata.length > 0xffff) throw new RecordTextError(`RDATA of ${rdata.length} octets is longer than 65535`);
  return rdata;
};

const knownToText = (type: number, rdata: Buffer): string[] | null => {
  if (rdata.length === 0) return null;
  if (type === RR_TYPE.A || type === RR_TYPE.AAAA)
    return rdata.length === (type === RR_TYPE.A ? 4 : 16) ? [addressText(rdata)] : null;
  const kinds = FIELD_KINDS.get(type);
  if (kinds !== undefined) return fieldsToText(kinds, rdata);
  const form = PACKET_FORMS.get(type);
  if (form === undefined) return null;
  try {
    const { rest, names } = takeNames(type, rdata);
    const codec = recordCodec(form.codec);
    const value = codec.decode(withLength(rest));
    // dns-packet reads past wrong lengths and skips what it does not know: only what it would write again is right.
    if (!codec.encode(value).subarray(2).equals(rest)) return null;
    return form.write(value, names);
  } catch {
    // Its decoders throw plain errors and RangeErrors; either way the octets are not this type's.
    return null;
  }
};

const knownFromText = (type: number, fields: readonly TextField[]): Buffer => {
  if (type === RR_TYPE.A || type === RR_TYPE.AAAA) {
    const octets = fields.length === 1 ? addressFromText(fields[0]?.raw ?? '') : null;
    if (octets === null || octets.length !== (type === RR_TYPE.A ? 4 : 16))
      throw new RecordTextError(
        `"${fields.map(({ raw }) => raw).join(' ')}" is not the address of an ${rrTypeName(type)}`,
      );
    return Buffer.from(octets);
  }
  const kinds = FIELD_KINDS.get(type);
  if (kinds !== undefined) return fieldsFromText(kinds, fields);
  const form = PACKET_FORMS.get(type);
  if (form === undefined) throw new RecordTextError(`RDATA of ${rrTypeName(type)} is written as \\# LENGTH HEX`);
  const words = new Words(fields);
  const { value, names } = form.read(words);
  words.end();
  try {
    return putNames(type, recordCodec(form.codec).encode(value).subarray(2), names);
  } catch (error) {
    throw new RecordTextError(`not the RDATA of ${rrTypeName(type)}: ${(error as Error).message}`, { cause: error });
  }
};

const genericText = (rdata: Buffer): string =>
  rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${rdata.toString('hex')}`;

const genericFromText = (fields: readonly TextField[]): Buffer => {
  const octets = binaryFromText('hex', fields.slice(2));
  if (fields[1] === undefined || numberOfField(fields[1], 0xffff) !== octets.length)
    throw new RecordTextError(`\\# announces ${fields[1]?.raw ?? 'no'} octets and has ${octets.length}`);
  return octets;
};

const withLength = (rdata: Buffer): Buffer =>
  Buffer.concat([Buffer.from([rdata.length >> 8, rdata.length & 255]), rdata]);

/** RDATA with the root in place of each name, because dns-packet's names lose octets; and the names. */
const takeNames = (type: number, rdata: Buffer): { rest: Buffer; names: WireName[] } => {
  const names: WireName[] = [];
  let rest = '';
  let at = 0;
  for (const step of RDATA_LAYOUT.get(type) ?? ['rest' as const]) {
    let end = step === 'rest' ? rdata.length : step === 'string' ? at + 1 + (rdata[at] ?? 0) : at;
    if (typeof step === 'number') end = at + step;
    if (step === 'name') {
      while (rdata.readUInt8(end) !== 0) end += 1 + (rdata[end] as number);
      names.push(rdata.toString('latin1', at, ++end) as WireName);
      rest += '\0';
    } else rest += rdata.toString('latin1', at, end);
    at = end;
  }
  if (at !== rdata.length) throw new RangeError('RDATA does not end with its fields');
  return { rest: Buffer.from(rest, 'latin1'), names };
};

/** Undoes `takeNames`. */
const putNames = (type: number, rest: Buffer, names: readonly WireName[]): Buffer => {
  let rdata = '';
  let at = 0;
  let next = 0;
  for (const step of RDATA_LAYOUT.get(type) ?? ['rest' as const]) {
    const end = typeof step === 'number' ? at + step : step === 'name' ? at + 1 : rest.length;
    rdata += step === 'name' ? names[next++] : rest.toString('latin1', at, end);
    at = end;
  }
  return Buffer.from(rdata, 'latin1');
};
