import { decodeMessage, FLAG, HEADER_OCTETS, type Message, WireFault } from '#dns/decode.ts';
import { MIN_UDP_OCTETS } from '#dns/edns.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';

/** Whether a message must have a reply: a whole header, and no response itself. */
export const isOwedReply = (message: Buffer): boolean =>
  message.length >= HEADER_OCTETS && (message.readUInt16BE(2) & FLAG.QR) === 0;

/** What a reply is: its response code, or `fault` with what is wrong with it as a reply to `message`. */
export interface Verdict {
  readonly kind: string;
  readonly fault: string;
}

export const judge = (message: Buffer, reply: Buffer, transport: 'udp' | 'tcp'): Verdict => {
  const decoded = decodeMessage(reply);
  if (decoded instanceof WireFault) return faulty(`the reply does not decode: ${decoded.reason} at ${decoded.offset}`);
  if ((decoded.flags & FLAG.QR) === 0) return faulty('QR is not set in the reply');
  if (!isOwedReply(message)) return faulty('a reply to what must not have one');
  if (decoded.opcode !== ((message.readUInt16BE(2) >> 11) & 15) && decoded.rcode !== FORMERR)
    return faulty('the reply has another opcode');
  const asked = decodeMessage(message);
  const limit = transport === 'tcp' ? 65_535 : udpLimit(asked);
  if (reply.length > limit) return faulty(`the reply has ${reply.length} octets, ${limit} are allowed`);
  if (!(asked instanceof WireFault) && decoded.questions.length > 0 && !isSameQuestion(asked, decoded))
    return faulty('the reply has another question');
  if (decoded.edns !== null && !(asked instanceof WireFault) && asked.edns === null)
    return faulty('the reply has an OPT and the query had none');
  return { kind: rcodeName(decoded.rcode) ?? String(decoded.rcode), fault: '' };
};

const FORMERR = 1;
const faulty = (fault: string): Verdict => ({ kind: 'fault', fault });

/** A message that does not decode is rejected, and a rejection is short. */
const udpLimit = (asked: Message | WireFault): number =>
  asked instanceof WireFault ? MIN_UDP_OCTETS : Math.max(MIN_UDP_OCTETS, asked.edns?.udpSize ?? 0);

const isSameQuestion = (asked: Message, reply: Message): boolean => {
  const [a, b] = [asked.questions[0], reply.questions[0]];
  return a !== undefined && b !== undefined && a.name === b.name && a.type === b.type && a.class === b.class;
};
