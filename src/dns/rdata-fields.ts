import { NameError, textFromName, type WireName, wireNameFromText } from './name.ts';
import { RR_TYPE, rrTypeName, rrTypeNumber } from './registry/rr-types.ts';
import { octetsOfField, quoteOctets, RecordTextError, type TextField } from './text-fields.ts';

/**
 * How a field of RDATA is written: unsigned numbers, a name, one character-string or all that follow, quoted octets without a
 * length in front (`text`), the mnemonic of a type, and the rest as hexadecimal or base64.
 */
type FieldKind = 'u8' | 'u16' | 'u32' | 'name' | 'string' | 'strings' | 'text' | 'type' | 'hex' | 'base64';

const name: readonly FieldKind[] = ['name'];
const preferred: readonly FieldKind[] = ['u16', 'name'];
const key: readonly FieldKind[] = ['u16', 'u8', 'u8', 'base64'];

/**
 * The types whose fields are read and written here. dns-packet has codecs for some of them, but passes names and
 * character-strings through UTF-8, which loses octets; for the others it has none.
 */
export const FIELD_KINDS: ReadonlyMap<number, readonly FieldKind[]> = new Map<number, readonly FieldKind[]>([
  [RR_TYPE.NS, name],
  [RR_TYPE.MD, name],
  [RR_TYPE.MF, name],
  [RR_TYPE.CNAME, name],
  [RR_TYPE.SOA, ['name', 'name', 'u32', 'u32', 'u32', 'u32', 'u32']],
  [RR_TYPE.MB, name],
  [RR_TYPE.MG, name],
  [RR_TYPE.MR, name],
  [RR_TYPE.PTR, name],
  [RR_TYPE.HINFO, ['string', 'string']],
  [RR_TYPE.MINFO, ['name', 'name']],
  [RR_TYPE.RP, ['name', 'name']],
  [RR_TYPE.AFSDB, preferred],
  [RR_TYPE.X25, ['string']],
  [RR_TYPE.ISDN, ['strings']],
  [RR_TYPE.RT, preferred],
  [RR_TYPE.KEY, key],
  [RR_TYPE.PX, ['u16', 'name', 'name']],
  [RR_TYPE.NAPTR, ['u16', 'u16', 'string', 'string', 'string', 'name']],
  [RR_TYPE.KX, preferred],
  [RR_TYPE.CERT, ['u16', 'u16', 'u8', 'base64']],
  [RR_TYPE.DNAME, name],
  [RR_TYPE.DHCID, ['base64']],
  [RR_TYPE.NINFO, ['strings']],
  [RR_TYPE.RKEY, key],
  [RR_TYPE.OPENPGPKEY, ['base64']],
  [RR_TYPE.ZONEMD, ['u32', 'u8', 'u8', 'hex']],
  [RR_TYPE.LP, preferred],
  [RR_TYPE.URI, ['u16', 'u16', 'text']],
  [RR_TYPE.CAA, ['u8', 'string', 'text']],
  [RR_TYPE.AVC, ['strings']],
  [RR_TYPE.RESINFO, ['strings']],
  [RR_TYPE.WALLET, ['strings']],
  [RR_TYPE.TA, ['u16', 'u8', 'u8', 'hex']],
]);

/** RDATA (names uncompressed) as words; null where its octets are not these fields. */
export const fieldsToText = (kinds: readonly FieldKind[], rdata: Buffer): string[] | null => {
  const words: string[] = [];
  let at = 0;
  for (const kind of kinds) {
    if (kind === 'strings') {
      while (at < rdata.length) at = stringToText(rdata, at, words);
    } else if (kind === 'string') at = stringToText(rdata, at, words);
    else if (kind === 'name') at = nameToText(rdata, at, words);
    else if (kind === 'text') {
      words.push(quoteOctets(rdata.toString('latin1', at)));
      at = rdata.length;
    } else if (kind === 'hex' || kind === 'base64') {
      words.push(rdata.toString(kind, at));
      at = rdata.length;
    } else {
      const octets = NUMBER_OCTETS[kind];
      if (at + octets > rdata.length) return null;
      const value = rdata.readUIntBE(at, octets);
      words.push(kind === 'type' ? rrTypeName(value) : String(value));
      at += octets;
    }
    if (at > rdata.length) return null;
  }
  return at === rdata.length ? words : null;
};

const NUMBER_OCTETS = { u8: 1, u16: 2, u32: 4, type: 2 } as const;

const stringToText = (rdata: Buffer, at: number, words: string[]): number => {
  const end = at + 1 + (rdata[at] ?? 0);
  words.push(quoteOctets(rdata.toString('latin1', at + 1, end)));
  return end;
};

const nameToText = (rdata: Buffer, at: number, words: string[]): number => {
  let end = at;
  while (end < rdata.length && rdata[end] !== 0) end += 1 + (rdata[end] as number);
  words.push(textFromName(rdata.toString('latin1', at, end + 1) as WireName));
  return end + 1;
};

/** RDATA from words. Throws RecordTextError. */
export const fieldsFromText = (kinds: readonly FieldKind[], fields: readonly TextField[]): Buffer => {
  const parts: Buffer[] = [];
  let next = 0;
  const take = (kind: FieldKind): TextField => {
    const field = fields[next++];
    if (field === undefined) throw new RecordTextError(`RDATA is short of a ${kind}`);
    return field;
  };
  for (const kind of kinds) {
    if (kind === 'strings') while (next < fields.length) parts.push(stringFromText(take(kind)));
    else if (kind === 'hex' || kind === 'base64') {
      parts.push(binaryFromText(kind, fields.slice(next)));
      next = fields.length;
    } else parts.push(fieldFromText(kind, take(kind)));
  }
  if (next < fields.length) throw new RecordTextError(`RDATA has ${fields.length} words, expected ${next}`);
  return Buffer.concat(parts);
};

const fieldFromText = (kind: Exclude<FieldKind, 'strings' | 'hex' | 'base64'>, field: TextField): Buffer => {
  switch (kind) {
    case 'name':
      return Buffer.from(nameOfField(field), 'latin1');
    case 'string':
      return stringFromText(field);
    case 'text':
      return Buffer.from(octetsOfField(field), 'latin1');
    case 'type':
      return numberOctets(typeOfField(field), 2);
    default:
      return numberOctets(numberOfField(field, 2 ** (8 * NUMBER_OCTETS[kind]) - 1), NUMBER_OCTETS[kind]);
  }
};

const numberOctets = (value: number, octets: number): Buffer => {
  const buffer = Buffer.alloc(octets);
  buffer.writeUIntBE(value, 0, octets);
  return buffer;
};

const stringFromText = (field: TextField): Buffer => {
  const octets = octetsOfField(field);
  if (octets.length > 255) throw new RecordTextError(`a character-string has ${octets.length} octets, at most 255 fit`);
  return Buffer.from(String.fromCharCode(octets.length) + octets, 'latin1');
};

/** A name from a word; RecordTextError in place of NameError. */
export const nameOfField = (field: TextField): WireName => {
  try {
    return wireNameFromText(field.raw);
  } catch (error) {
    if (error instanceof NameError) throw new RecordTextError(error.message, { cause: error });
    throw error;
  }
};

/** An unsigned number from a word, at most `max`. Throws RecordTextError. */
export const numberOfField = (field: TextField, max: number): number => {
  const value = /^\d{1,10}$/.test(field.raw) ? Number(field.raw) : Number.NaN;
  if (!(value <= max)) throw new RecordTextError(`"${field.raw}" is not a number from 0 to ${max}`);
  return value;
};

/** A type's number from its mnemonic. Throws RecordTextError. */
export const typeOfField = (field: TextField): number => {
  const type = rrTypeNumber(field.raw);
  if (type === undefined) throw new RecordTextError(`"${field.raw}" is not a record type`);
  return type;
};

/** Octets from hexadecimal or base64 words, which may be split anywhere. Throws RecordTextError. */
export const binaryFromText = (kind: 'hex' | 'base64', fields: readonly TextField[]): Buffer => {
  const text = fields.map((field) => field.raw).join('');
  const isRight = kind === 'hex' ? /^(?:[0-9a-f]{2})*$/i : /^(?:[A-Z0-9+/]{4})*(?:[A-Z0-9+/]{2}==|[A-Z0-9+/]{3}=)?$/i;
  if (!isRight.test(text)) throw new RecordTextError(`"${text}" is not ${kind}`);
  return Buffer.from(text, kind);
};
