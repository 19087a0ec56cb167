import type { Message, Question } from '#dns/decode.ts';
import type { Timed } from './deadline-list.ts';

/** Who asked. Exactly one of the two is called, once, and never before the call that began the exchange has returned. */
export interface ExchangeSink {
  /** A reply to the question came, or an error without a question. */
  replied(reply: Message): void;
  failed(error: Error): void;
}

/** The socket or exchanger that an exchange is with. */
export interface ExchangeOwner {
  timedOut(exchange: Exchange): void;
}

/** A connection that an exchange waits on. */
export interface ExchangePlace {
  /** The exchange has ended elsewhere, or there is no more time for it. */
  forget(exchange: Exchange): void;
}

/** One query on its way to one upstream. */
export class Exchange implements Timed {
  /** The query; its first two octets are overwritten with the ID. */
  readonly message: Buffer;
  readonly question: Question;
  /** Largest UDP reply that is taken whole: what the client can take. */
  readonly maxUdpOctets: number;
  readonly sink: ExchangeSink;
  /** Monotonic ms after which no connection is to be waited for. */
  readonly giveUpAtMs: number;
  id = 0;
  owner: ExchangeOwner | null = null;
  /** Over TCP or TLS: the connections that it waits on, the last one first; more than one once it was asked again. */
  places: readonly ExchangePlace[] = NOWHERE;
  /** Over TCP or TLS: how often it was sent, how often a connection closed on it, and connections that come up for it. */
  asks = 0;
  losses = 0;
  dials = 0;
  sentAtMs = 0;
  deadlineMs = 0;
  previous: Timed | null = null;
  next: Timed | null = null;

  constructor(
    message: Buffer,
    question: Question,
    maxUdpOctets: number,
    sink: ExchangeSink,
    giveUpAtMs = Number.POSITIVE_INFINITY,
  ) {
    this.message = message;
    this.question = question;
    this.maxUdpOctets = maxUdpOctets;
    this.sink = sink;
    this.giveUpAtMs = giveUpAtMs;
  }

  get opcode(): number {
    return ((this.message[2] as number) >> 3) & 15;
  }

  setId(id: number): void {
    this.id = id;
    this.message[0] = id >> 8;
    this.message[1] = id & 0xff;
  }

  expired(): void {
    this.owner?.timedOut(this);
  }
}

const NOWHERE: readonly never[] = [];
