import { decodeMessage, FLAG, HEADER_OCTETS, type Message, WireFault, WireReader } from '#dns/decode.ts';
import { encodeMessage, MAX_MESSAGE_OCTETS } from '#dns/encode.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { OPCODE } from '#dns/registry/opcodes.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { Request } from '#plugin/index.ts';

/** A message that no plugin sees: `reply` is what to send, or null for silence. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly reply: Buffer | null;
}

/** A message for the plugins. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly request: Request;
}

const SILENCE: Rejected = { kind: 'rejected', reply: null };

/**
 * Decides whether octets are a query for the plugins. Which messages get no reply, FORMERR or NOTIMP is CoreDNS's choice
 * (miekg/dns `defaultMsgAcceptFunc`): a response gets none; opcodes but QUERY and NOTIFY get NOTIMP; other than one question, or more
 * records than a query has, get FORMERR.
 */
export const acceptMessage = (bytes: Buffer): Accepted | Rejected => {
  if (bytes.length < HEADER_OCTETS) return SILENCE;
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG.QR) !== 0) return SILENCE;
  const opcode = (flags >> 11) & 15;
  if (opcode !== OPCODE.QUERY && opcode !== OPCODE.NOTIFY) return reject(bytes, RCODE.NOTIMP, opcode);
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => bytes.readUInt16BE(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (questions !== 1 || answers > 1 || authorities > 1 || additionals > 2)
    return reject(bytes, RCODE.FORMERR, OPCODE.QUERY);
  const message = decodeMessage(bytes);
  if (message instanceof WireFault) return reject(bytes, RCODE.FORMERR, OPCODE.QUERY, readQuestion(bytes));
  return { kind: 'accepted', request: requestOf(message, bytes.length) };
};

const requestOf = (message: Message, octets: number): Request => ({
  id: message.id,
  opcode: message.opcode,
  isRecursionDesired: (message.flags & FLAG.RD) !== 0,
  isAuthenticData: (message.flags & FLAG.AD) !== 0,
  isCheckingDisabled: (message.flags & FLAG.CD) !== 0,
  question: message.questions[0] as Request['question'],
  edns: message.edns,
  octets,
});

/** The question of a message that is broken further on, or null. */
const readQuestion = (bytes: Buffer): Request['question'] | null =>
  new WireReader(bytes, HEADER_OCTETS).question() ?? null;

const reject = (
  bytes: Buffer,
  rcode: number,
  opcode: number,
  question: Request['question'] | null = null,
): Rejected => {
  const kept = bytes.readUInt16BE(2) & (FLAG.TC | FLAG.RD | FLAG.RA | FLAG.AD | FLAG.CD);
  const reply = encodeMessage(
    {
      id: bytes.readUInt16BE(0),
      flags: FLAG.QR | kept,
      opcode,
      rcode,
      question,
      answer: [],
      authority: [],
      additional: [],
      opt: null,
    },
    MAX_MESSAGE_OCTETS,
  );
  return { kind: 'rejected', reply };
};

/** BADVERS for an EDNS version that we do not speak: an OPT of size 0 and nothing else (RFC 6891, section 6.1.3). */
export const badVersion = (request: Request): Buffer =>
  encodeMessage(
    {
      id: request.id,
      flags: FLAG.QR | (request.isRecursionDesired ? FLAG.RD : 0) | (request.isCheckingDisabled ? FLAG.CD : 0),
      opcode: request.opcode,
      rcode: RCODE.BADVERS,
      question: request.question,
      answer: [],
      authority: [],
      additional: [],
      opt: { udpSize: 0, isDnssecOk: false, options: [] },
    },
    MAX_MESSAGE_OCTETS,
  );

/** True for a class that only `chaos` and `forward` take. */
export const isOddClass = (request: Request): boolean => request.question.class !== CLASS.IN;
