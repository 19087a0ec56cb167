/** Differences that are known: each names the row of docs/differences.md that gives its reason. */
import { labelsOf } from '#dns/name.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import type { Difference } from './difference.ts';
import { foldedText } from './queries.ts';

interface Listed {
  /** Beginning of the row's first cell, as the page has it. */
  readonly row: string;
  /** True where the row explains this part of the difference. */
  readonly explains: (part: string, difference: Difference) => boolean;
}

const nameOf = ({ query }: Difference): string => foldedText(query.name);
const isForwarded = (difference: Difference): boolean =>
  typeof difference.theirs !== 'string' && !/(^|\.)(cluster\.local|other\.test|arpa)\.$/.test(nameOf(difference));

/** Zones of the Corefiles, corefiles.ts. */
const ZONES = /^(cluster\.local|other\.test|(10\.)?in-addr\.arpa|(d\.f\.)?ip6\.arpa)\.$/;

const LISTED: readonly Listed[] = [
  {
    row: 'letter case of names behind the question',
    explains: (part) => /case (of owners|in RDATA)$/.test(part),
  },
  {
    row: '`ns.dns.ZONE` in mixed case',
    explains: (_, difference) => nameOf(difference).startsWith('ns.dns.') && isMixed(difference),
  },
  {
    row: 'NS of the zone in mixed case',
    explains: (_, difference) =>
      difference.query.type === RR_TYPE.NS && isMixed(difference) && ZONES.test(nameOf(difference)),
  },
  {
    row: 'ExternalName that is no domain name',
    explains: (part, difference) =>
      part === 'NOERROR, theirs no reply' && /^(dotted|oversized)\.outer\.svc\./.test(nameOf(difference)),
  },
  {
    row: 'labels in front of a whole `ip6.arpa` name',
    explains: (_, { query }) =>
      query.type === RR_TYPE.PTR &&
      query.name.toLowerCase().endsWith('\x03ip6\x04arpa\0') &&
      labelsOf(query.name).length > 34,
  },
  {
    row: 'truncated replies',
    explains: (part) => / cut, ours has more$/.test(part),
  },
  {
    row: 'an extended rcode, the client sent no OPT',
    explains: (_, difference) => nameOf(difference) === 'badvers.up.test.' && difference.query.udpSize === null,
  },
  {
    row: "an upstream's OPT, the client sent one",
    explains: (part, difference) =>
      part.startsWith('EDNS') && isForwarded(difference) && difference.query.udpSize !== null,
  },
  {
    row: "an upstream's OPT, the client sent none",
    explains: (part, difference) =>
      part === 'EDNS: theirs has an OPT' && isForwarded(difference) && difference.query.udpSize === null,
  },
  {
    row: 'NOTIFY',
    explains: (part, { query }) => /^(RD|CD) clear$/.test(part) && query.opcode === OPCODE.NOTIFY,
  },
  {
    row: "RD, opcode and the question's case",
    explains: (part, difference) => /^(RD|CD) (set|clear)$/.test(part) && nameOf(difference) === 'forgetful.up.test.',
  },
];

const isMixed = ({ query }: Difference): boolean => /[A-Z]/.test(query.name);

/** The rows that explain a difference, one for each of its parts; null where one has no row. */
export const explain = (difference: Difference): readonly (string | null)[] =>
  difference.parts.map((part) => LISTED.find(({ explains }) => explains(part, difference))?.row ?? null);

/** Rows that are listed here and not in the page. */
export const rowsMissingFrom = (page: string): string[] => {
  const lines = page.split('\n');
  return LISTED.map(({ row }) => row).filter((row) => !lines.some((line) => line.startsWith(`| ${row}`)));
};
