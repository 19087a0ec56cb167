/** Two replies to one query, part by part. */
import { FLAG, type Message } from '#dns/decode.ts';
import { foldName, textFromName } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { RR_TYPE, rrTypeName } from '#dns/registry/rr-types.ts';
import type { ComparedQuery } from './queries.ts';

/** What came back: a message, octets that are none, or nothing. */
export type Outcome = Message | 'no reply' | 'not a message';

/** Two replies that differ. */
export interface Difference {
  readonly corefile: string;
  readonly query: ComparedQuery;
  readonly ours: Outcome;
  readonly theirs: Outcome;
  /** One short text for each part that differs, which is the same for all differences of a kind. */
  readonly parts: readonly string[];
}

const FLAGS = ['QR', 'AA', 'TC', 'RD', 'RA', 'Z', 'AD', 'CD'] as const;
const SECTIONS = ['answer', 'authority', 'additional'] as const;

/** What differs, nothing where the replies are alike. TTLs are left out where they depend on the moment. */
export const differingParts = (ours: Outcome, theirs: Outcome, query: ComparedQuery, hasTtls: boolean): string[] => {
  if (typeof ours === 'string' || typeof theirs === 'string')
    return ours === theirs ? [] : [`${said(ours)}, theirs ${said(theirs)}`];
  const parts: string[] = [];
  if (ours.rcode !== theirs.rcode) parts.push(`rcode ${rcodeName(ours.rcode)}, theirs ${rcodeName(theirs.rcode)}`);
  if (ours.id !== theirs.id) parts.push('ID');
  if (ours.opcode !== theirs.opcode) parts.push('opcode');
  for (const flag of FLAGS)
    if ((ours.flags & FLAG[flag]) !== (theirs.flags & FLAG[flag]))
      parts.push(`${flag} ${(ours.flags & FLAG[flag]) !== 0 ? 'set' : 'clear'}`);
  if (!isSameQuestion(ours, theirs)) parts.push('question');
  // Which records of a shuffled section are the first that fit is chance.
  const isCut = (ours.flags & theirs.flags & FLAG.TC) !== 0;
  for (const section of SECTIONS)
    if (!isCut) parts.push(...sectionParts(section, ours[section], theirs[section], query, hasTtls));
    else if (ours[section].length !== theirs[section].length)
      parts.push(`${section}: cut, ours has ${ours[section].length > theirs[section].length ? 'more' : 'fewer'}`);
  parts.push(...ednsParts(ours, theirs));
  return parts;
};

const said = (outcome: Outcome): string => (typeof outcome === 'string' ? outcome : rcodeName(outcome.rcode));

const isSameQuestion = (ours: Message, theirs: Message): boolean =>
  JSON.stringify(ours.questions) === JSON.stringify(theirs.questions);

const sectionParts = (
  section: string,
  ours: readonly ResourceRecord[],
  theirs: readonly ResourceRecord[],
  query: ComparedQuery,
  hasTtls: boolean,
): string[] => {
  const texts = (records: readonly ResourceRecord[], change: (record: ResourceRecord) => string): Set<string> =>
    new Set(records.map(change));
  const exact = (record: ResourceRecord): string => textOf(hasTtls ? record : record.withTtl(0));
  if (isSameSet(texts(ours, exact), texts(theirs, exact)))
    return ours.length === theirs.length ? [] : [`${section}: a record twice`];
  const folded = (record: ResourceRecord): string => exact(record.withOwner(foldName(record.owner)));
  if (isSameSet(texts(ours, folded), texts(theirs, folded))) return [`${section}: case of owners`];
  const timeless = (record: ResourceRecord): string => folded(record.withTtl(0)).toLowerCase();
  const [a, b] = [texts(ours, timeless), texts(theirs, timeless)];
  if (isSameSet(a, b)) {
    const isCase = isSameSet(
      texts(ours, (each) => folded(each).toLowerCase()),
      texts(theirs, (each) => folded(each).toLowerCase()),
    );
    return [`${section}: ${isCase ? 'case in RDATA' : 'TTL'}`];
  }
  const typesOf = (records: readonly ResourceRecord[], without: Set<string>): string =>
    [...new Set(records.filter((record) => !without.has(timeless(record))).map(({ type }) => rrTypeName(type)))]
      .sort()
      .join(' ');
  const [more, fewer] = [typesOf(ours, b), typesOf(theirs, a)];
  const asked = query.type === RR_TYPE.ANY ? ' to ANY' : '';
  return [
    `${section}${asked}: ${[more && `ours has ${more}`, fewer && `theirs has ${fewer}`].filter(Boolean).join(', ')}`,
  ];
};

/** A record without what varies: the serial says when something changed last, as each server has seen it. */
const textOf = (record: ResourceRecord): string => {
  const text = recordToText(record);
  return record.type === RR_TYPE.SOA ? text.replace(/(\S+ SOA \S+ \S+) \d+/, '$1 SERIAL') : text;
};

const isSameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((each) => b.has(each));

const ednsParts = ({ edns: ours }: Message, { edns: theirs }: Message): string[] => {
  if (ours === null || theirs === null)
    return ours === theirs ? [] : [ours === null ? 'EDNS: theirs has an OPT' : 'EDNS: ours has an OPT'];
  const parts: string[] = [];
  if (ours.udpSize !== theirs.udpSize) parts.push('EDNS: size');
  if (ours.version !== theirs.version) parts.push('EDNS: version');
  if (ours.isDnssecOk !== theirs.isDnssecOk) parts.push(`EDNS: DO ${ours.isDnssecOk ? 'set' : 'clear'}`);
  const options = ({ options: list }: NonNullable<Message['edns']>): Set<string> =>
    new Set(list.map(({ code, data }) => `${code} ${Buffer.from(data).toString('hex')}`));
  const [a, b] = [options(ours), options(theirs)];
  const codes = (from: Set<string>, without: Set<string>): string =>
    [...from]
      .filter((each) => !without.has(each))
      .map((each) => each.split(' ')[0])
      .join(' ');
  if (!isSameSet(a, b)) parts.push(`EDNS options: ours has ${codes(a, b) || 'none'}, theirs ${codes(b, a) || 'none'}`);
  return parts;
};

/** A query in one line. */
export const queryText = ({
  name,
  type,
  class: klass,
  transport,
  flags,
  opcode,
  udpSize,
  isDnssecOk,
  options,
  version,
  oddity,
}: ComparedQuery): string => {
  const words = [
    ...FLAGS.filter((flag) => (flags & FLAG[flag]) !== 0),
    ...(udpSize === null ? [] : [`EDNS ${udpSize}`]),
    ...(isDnssecOk ? ['DO'] : []),
    ...(version === 0 ? [] : [`version ${version}`]),
    ...options.map(({ code, data }) => `option ${code} of ${data.length}`),
    ...(opcode === 0 ? [] : [`opcode ${opcode}`]),
    ...(klass === 1 ? [] : [`class ${klass}`]),
    ...(oddity === '' ? [] : [oddity]),
    transport,
  ];
  return `${textFromName(name)} ${rrTypeName(type)} (${words.join(', ')})`;
};
