import { FLAG } from '#dns/decode.ts';
import { ECHOED_OPTIONS, type Edns, type EdnsOption, MIN_UDP_OCTETS } from '#dns/edns.ts';
import { encodeMessage, MAX_MESSAGE_OCTETS, type OptToWrite } from '#dns/encode.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { Answer, Request, Transport } from '#plugin/index.ts';

/** What an IPv4 datagram can carry: 65,535 less both headers. One octet more would not be sent at all. */
const MAX_DATAGRAM_OCTETS = 65_507;

/** Largest reply in octets: what TCP can carry, or what the client says it takes over UDP, at least 512 (RFC 6891, section 6.2.5). */
export const replyLimit = (request: Request, transport: Transport): number =>
  transport === 'udp'
    ? Math.min(MAX_DATAGRAM_OCTETS, Math.max(MIN_UDP_OCTETS, request.edns?.udpSize ?? 0))
    : MAX_MESSAGE_OCTETS;

/** Encodes a reply with what belongs to the query: ID, question as it was spelled, RD, CD, and the query's OPT where it had one. */
export const encodeReply = (request: Request, reply: Answer, limit: number): Buffer => {
  const isQuery = request.opcode === OPCODE.QUERY;
  return encodeMessage(
    {
      id: request.id,
      flags:
        FLAG.QR |
        (reply.isAuthoritative ? FLAG.AA : 0) |
        (reply.isTruncated ? FLAG.TC : 0) |
        (reply.isRecursionAvailable ? FLAG.RA : 0) |
        (reply.isAuthenticData ? FLAG.AD : 0) |
        (isQuery && request.isRecursionDesired ? FLAG.RD : 0) |
        (isQuery && request.isCheckingDisabled ? FLAG.CD : 0),
      opcode: request.opcode,
      rcode: sendableRcode(request, reply.rcode),
      question: request.question,
      answer: reply.answer,
      authority: reply.authority,
      additional: reply.additional,
      opt: request.edns === null ? null : replyOpt(request.edns, reply.options),
    },
    limit,
  );
};

/** The upper bits of an extended RCODE travel in the OPT (RFC 6891, section 6.1.3); to a client without one it is a SERVFAIL. */
const sendableRcode = (request: Request, rcode: number): number =>
  rcode > 15 && request.edns === null ? RCODE.SERVFAIL : rcode;

/** CoreDNS echoes the query's size, DO and some options (`request.SizeAndDo`); what the reply brings itself goes before an echo. */
const replyOpt = (edns: Edns, options: readonly EdnsOption[]): OptToWrite => {
  const { udpSize, isDnssecOk } = edns;
  if (edns.options.length === 0) return { udpSize, isDnssecOk, options };
  const echoed = edns.options.filter(
    ({ code }) => ECHOED_OPTIONS.has(code) && !options.some((own) => own.code === code),
  );
  return { udpSize, isDnssecOk, options: [...options, ...echoed] };
};
