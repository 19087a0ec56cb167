import { FLAG, HEADER_OCTETS } from '#dns/decode.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';

const OPT_OCTETS = 11;
/** What a slot for a reply must have room for. */
export const TRUNCATED_OCTETS = HEADER_OCTETS + 255 + 4 + OPT_OCTETS;

/**
 * Writes the empty reply that sends a client to TCP: header with TC, question, an OPT where there is one behind the question. It is
 * never larger than the query. Gives its length, 0 where the query is none that such a reply suits.
 */
export const writeTruncatedReply = (query: Uint8Array, octets: number, out: Uint8Array, start: number): number => {
  const end = questionEnd(query, octets);
  if (end < 0) return 0;
  for (let i = 0; i < end; i++) out[start + i] = query[i] as number;
  out[start + 2] = ((FLAG.QR | FLAG.TC) >> 8) | ((query[2] as number) & (FLAG.RD >> 8));
  out[start + 3] = (query[3] as number) & FLAG.CD;
  for (let i = 6; i < HEADER_OCTETS; i++) out[start + i] = 0;
  if (!hasOpt(query, end, octets)) return end;
  out[start + HEADER_OCTETS - 1] = 1;
  for (let i = 0; i < OPT_OCTETS; i++) out[start + end + i] = 0;
  // Name, type, size and DO as in the query; version 0 and no options.
  for (let i = 0; i < 5; i++) out[start + end + i] = query[end + i] as number;
  out[start + end + 7] = (query[end + 7] as number) & 0x80;
  return end + OPT_OCTETS;
};

/** Offset behind the one question of a query; -1 where there is no such thing. */
const questionEnd = (query: Uint8Array, octets: number): number => {
  if (octets < HEADER_OCTETS + 5) return -1;
  // QR and the opcode are 0: a reply to a reply would go round for ever.
  if (((query[2] as number) & 0xf8) !== 0 || query[4] !== 0 || query[5] !== 1) return -1;
  let at = HEADER_OCTETS;
  for (let label = query[at] as number; label !== 0; label = query[at] as number) {
    at += 1 + label;
    if (label > 63 || at >= octets || at - HEADER_OCTETS > 254) return -1;
  }
  return at + 5 <= octets ? at + 5 : -1;
};

const hasOpt = (query: Uint8Array, at: number, octets: number): boolean =>
  at + OPT_OCTETS <= octets &&
  query[6] === 0 &&
  query[7] === 0 &&
  query[8] === 0 &&
  query[9] === 0 &&
  query[11] !== 0 &&
  query[at] === 0 &&
  query[at + 1] === 0 &&
  query[at + 2] === RR_TYPE.OPT;
