import { FLAG, type Question } from '#dns/decode.ts';
import { MIN_UDP_OCTETS } from '#dns/edns.ts';
import { encodeMessage, MAX_MESSAGE_OCTETS } from '#dns/encode.ts';
import { foldName } from '#dns/name.ts';
import type { Query } from '#plugin/index.ts';

const NONE: readonly never[] = [];

/** A query as it goes to an upstream. */
export interface OutgoingQuery {
  /** The whole message; the ID is filled in for each exchange. */
  readonly message: Buffer;
  readonly question: Question;
  /** Largest UDP reply that the client can take. */
  readonly maxUdpOctets: number;
  /** Monotonic ms after which no connection is to be waited for. */
  readonly giveUpAtMs: number;
}

/** The question in the spelling it came in, unless a layer before put another name in its place. */
const questionOf = (query: Query): Question => {
  const asked = query.request.question;
  const isNameKept = asked.name === query.name || foldName(asked.name) === query.name;
  if (isNameKept && asked.type === query.type && asked.class === query.class) return asked;
  return { name: isNameKept ? asked.name : query.name, type: query.type, class: query.class };
};

/** The query as the client sent it: RD, CD, AD and the OPT with its options stay, and it gets a message of its own. */
export const outgoingQuery = (query: Query, giveUpAtMs: number): OutgoingQuery => {
  const { request } = query;
  const { edns } = request;
  const question = questionOf(query);
  const message = encodeMessage(
    {
      id: 0,
      flags:
        (request.isRecursionDesired ? FLAG.RD : 0) |
        (request.isAuthenticData ? FLAG.AD : 0) |
        (request.isCheckingDisabled ? FLAG.CD : 0),
      opcode: request.opcode,
      rcode: 0,
      question,
      answer: NONE,
      authority: NONE,
      additional: NONE,
      opt: edns,
    },
    MAX_MESSAGE_OCTETS,
  );
  const maxUdpOctets = query.transport === 'udp' ? Math.max(MIN_UDP_OCTETS, edns?.udpSize ?? 0) : MAX_MESSAGE_OCTETS;
  return { message, question, maxUdpOctets, giveUpAtMs };
};
