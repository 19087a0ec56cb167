import { rdataFromText, rdataToText } from './codec.ts';
import { textFromName, type WireName } from './name.ts';
import { nameOfField, numberOfField, typeOfField } from './rdata-fields.ts';
import { ResourceRecord } from './record.ts';
import { CLASS, className } from './registry/classes.ts';
import { rrTypeName } from './registry/rr-types.ts';
import { RecordTextError, splitFields, type TextField } from './text-fields.ts';

/** A record as a line of a zone file: `www.example.org. 300 IN A 192.0.2.1`. RFC 1035, section 5.1. */
export const recordToText = (record: ResourceRecord): string =>
  `${textFromName(record.owner)} ${record.ttl} ${className(record.class)} ${rrTypeName(record.type)} ${rdataToText(record.type, record.rdata)}`;

/** What a line may leave out. TTL in seconds. */
export interface RecordDefaults {
  readonly ttl?: number;
  readonly owner?: WireName;
}

/**
 * Reads `name [ttl] [class] TYPE rdata`, TTL and class in either order; a name without a final dot is taken as complete. A text that
 * starts with a space has no name where `defaults.owner` gives one. Throws RecordTextError.
 */
export const recordFromText = (text: string, defaults: RecordDefaults = {}): ResourceRecord => {
  const fields = splitFields(text);
  const hasOwner = !/^\s/.test(text) || defaults.owner === undefined;
  const first = fields[0];
  if (first === undefined) throw new RecordTextError('the record is empty');
  const owner = hasOwner ? nameOfField(first) : (defaults.owner as WireName);
  let at = hasOwner ? 1 : 0;
  let ttl: number | undefined;
  let klass: number | undefined;
  for (; at < fields.length; at++) {
    const field = fields[at] as TextField;
    const number = classOf(field.raw);
    if (ttl === undefined && /^\d/.test(field.raw)) ttl = numberOfField(field, 0xffffffff);
    else if (klass === undefined && number !== undefined) klass = number;
    else break;
  }
  const typeField = fields[at];
  if (typeField === undefined) throw new RecordTextError(`"${text.trim()}" has no type`);
  ttl ??= defaults.ttl;
  if (ttl === undefined) throw new RecordTextError(`"${text.trim()}" has no TTL`);
  const type = typeOfField(typeField);
  return new ResourceRecord(owner, type, ttl, rdataFromText(type, fields.slice(at + 1)), klass ?? CLASS.IN);
};

const classOf = (text: string): number | undefined => {
  const upper = text.toUpperCase();
  if (upper in CLASS && upper !== 'ANY') return CLASS[upper as keyof typeof CLASS];
  const generic = /^CLASS(\d{1,5})$/.exec(upper);
  return generic !== null && Number(generic[1]) <= 0xffff ? Number(generic[1]) : undefined;
};

/** Reads one record a line; empty lines and comments are passed over. Throws RecordTextError. */
export const recordsFromText = (text: string, defaults: RecordDefaults = {}): ResourceRecord[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map((line) => recordFromText(line, defaults));
