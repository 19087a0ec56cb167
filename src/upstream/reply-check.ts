import { decodeMessage, FLAG, HEADER_OCTETS, type Message, type Question, WireFault, WireReader } from '#dns/decode.ts';
import { foldName } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';

const CUT_SHORT = /runs past|is cut short/;

/** What a query is recognised by in its reply, beside the ID. */
export interface Asked {
  readonly question: Question;
  readonly opcode: number;
}

/**
 * True where a message is a reply to this query: QR set, the same opcode, and the same name (in any case), type and class. A server that
 * does not understand a query may leave the question out of its error.
 */
export const isReplyTo = ({ question, opcode }: Asked, reply: Message): boolean => {
  if ((reply.flags & FLAG.QR) === 0 || reply.opcode !== opcode) return false;
  const [echoed] = reply.questions;
  if (echoed === undefined) return isBareError(reply);
  return (
    reply.questions.length === 1 &&
    echoed.type === question.type &&
    echoed.class === question.class &&
    (echoed.name === question.name || foldName(echoed.name) === foldName(question.name))
  );
};

const isBareError = ({ rcode, answer, authority }: Message): boolean =>
  rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN && answer.length === 0 && authority.length === 0;

/** The header and question of a message with nothing in it and TC set. CoreDNS: `truncateResponse`. */
const emptied = (bytes: Buffer): Message => {
  const flags = bytes.readUInt16BE(2) | FLAG.TC;
  const question = bytes.readUInt16BE(4) === 1 ? new WireReader(bytes, HEADER_OCTETS).question() : undefined;
  return {
    id: bytes.readUInt16BE(0),
    flags,
    opcode: (flags >> 11) & 15,
    rcode: flags & 15,
    questions: question === undefined ? [] : [question],
    answer: [],
    authority: [],
    additional: [],
    edns: null,
  };
};

/**
 * Reads a datagram of at least 12 octets from an upstream. One that is larger than the client can take, or ends in the middle of a
 * record, comes out empty with TC, so that the client asks again over TCP (CoreDNS: `shouldTruncateResponse`). Null where it is
 * not a DNS message at all.
 */
export const readUdpReply = (bytes: Buffer, maxOctets: number): Message | null => {
  if (bytes.length > maxOctets) return emptied(bytes);
  const message = decodeMessage(bytes);
  if (!(message instanceof WireFault)) return message;
  return CUT_SHORT.test(message.reason) ? emptied(bytes) : null;
};
