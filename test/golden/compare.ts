import { FLAG, type Message } from '#dns/decode.ts';
import { foldName, nameFromText, textFromName } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';

/** A reply in text: what a golden table holds. A section that is left out is not compared. */
export interface ExpectedReply {
  readonly rcode: string;
  /** `qr`, `aa`, `tc`, `rd`, `ra`, `ad`, `cd`: exactly these. */
  readonly flags?: readonly string[];
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
}

const FLAG_NAMES = [
  ['qr', FLAG.QR],
  ['aa', FLAG.AA],
  ['tc', FLAG.TC],
  ['rd', FLAG.RD],
  ['ra', FLAG.RA],
  ['ad', FLAG.AD],
  ['cd', FLAG.CD],
] as const;

/** Flags of a message as the golden tables write them. */
export const flagNames = (message: Message): string[] =>
  FLAG_NAMES.filter(([, bit]) => (message.flags & bit) !== 0).map(([name]) => name);

/** Null where the message is the expected reply, else what differs. Records are compared as sets; SOA serials and ns.dns addresses vary. */
export const differenceFrom = (expected: ExpectedReply, message: Message): string | null => {
  const differences: string[] = [];
  const compare = (what: string, found: string, wanted: string): void => {
    if (found !== wanted) differences.push(`${what}: found ${found || 'nothing'}, expected ${wanted || 'nothing'}`);
  };
  compare('rcode', rcodeName(message.rcode), expected.rcode);
  if (expected.flags !== undefined)
    compare('flags', flagNames(message).join(' '), [...expected.flags].filter((flag) => flag !== 'do').join(' '));
  if (expected.answer !== undefined) {
    compare('answer', setOf(message.answer), setOf(expected.answer.map(fromGolden)));
    const misplaced = misplacedCname(message.answer);
    if (misplaced !== null) differences.push(misplaced);
  }
  if (expected.authority !== undefined)
    compare('authority', setOf(message.authority), setOf(expected.authority.map(fromGolden)));
  if (expected.additional !== undefined)
    compare('additional', setOf(glueOf(message.additional)), setOf(glueOf(expected.additional.map(fromGolden))));
  return differences.length === 0 ? null : differences.join('; ');
};

/** Reads a golden record; a serial may be written `<serial>`. */
const fromGolden = (line: string): ResourceRecord => recordFromText(line.replace('<serial>', '0'));

const setOf = (records: readonly ResourceRecord[]): string => [...new Set(records.map(comparable))].sort().join(' | ');

/**
 * Records of the additional section that can be compared: the server's own addresses are the machine's, and an owner name that is
 * compressed to the question takes over its spelling, where CoreDNS sends small replies uncompressed.
 */
const glueOf = (records: readonly ResourceRecord[]): ResourceRecord[] =>
  records
    .filter((record) => !foldName(record.owner).startsWith('\x02ns\x03dns'))
    .map((record) => record.withOwner(foldName(record.owner)));

/** A record in text without what varies from run to run. */
const comparable = (record: ResourceRecord): string => {
  const text = recordToText(record);
  if (record.type === RR_TYPE.SOA) return text.replace(/(\S+ SOA \S+ \S+) \d+/, '$1 SERIAL');
  const isAddress = record.type === RR_TYPE.A || record.type === RR_TYPE.AAAA;
  // The addresses of the server itself depend on the machine: only that there are some is compared.
  if (isAddress && text.toLowerCase().startsWith('ns.dns.')) return `${textFromName(record.owner)} own address`;
  return text;
};

/** A CNAME stands before the records of its target. */
const misplacedCname = (answer: readonly ResourceRecord[]): string | null => {
  const seen = new Set<string>();
  for (const record of answer) {
    if (record.type === RR_TYPE.CNAME) {
      const target = foldName(nameFromText(recordToText(record).split(' ')[4] as string));
      if (seen.has(target)) return `a CNAME follows the records of its target ${textFromName(target)}`;
    }
    seen.add(foldName(record.owner));
  }
  return null;
};
