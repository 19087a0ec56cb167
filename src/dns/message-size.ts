import { HEADER_OCTETS } from './decode.ts';
import { ECHOED_OPTIONS, type Edns, optRecordOctets } from './edns.ts';
import type { WireName } from './name.ts';
import type { ResourceRecord } from './record.ts';

interface Sections {
  readonly answer: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  readonly additional: readonly ResourceRecord[];
}

/** TYPE, CLASS, TTL and RDLENGTH. */
const RECORD_FIXED_OCTETS = 10;

const sectionOctets = (records: readonly ResourceRecord[]): number => {
  let octets = 0;
  for (let i = 0; i < records.length; i++) {
    const { owner, rdata } = records[i] as ResourceRecord;
    octets += owner.length + RECORD_FIXED_OCTETS + rdata.length;
  }
  return octets;
};

/**
 * Octets of a reply with no name compressed and without its OPT: what CoreDNS logs as `rsize` and observes as response size, because
 * its recorder sees the message before the server compresses it and adds the OPT (plugin/pkg/dnstest, core/dnsserver).
 */
export const uncompressedOctets = (question: { readonly name: WireName }, reply: Sections): number =>
  HEADER_OCTETS +
  question.name.length +
  4 +
  sectionOctets(reply.answer) +
  sectionOctets(reply.authority) +
  sectionOctets(reply.additional);

/** Octets of an error reply that the server makes itself, with the OPT that repeats the query's. */
export const bareReplyOctets = (request: {
  readonly question: { readonly name: WireName };
  readonly edns: Edns | null;
}): number => {
  const octets = HEADER_OCTETS + request.question.name.length + 4;
  if (request.edns === null) return octets;
  return octets + optRecordOctets(request.edns.options.filter(({ code }) => ECHOED_OPTIONS.has(code)));
};
