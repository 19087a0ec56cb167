import type { Message } from '#dns/decode.ts';
import type { Clock } from './clock.ts';
import { DeadlineList, type Timed } from './deadline-list.ts';
import { Exchange, type ExchangeSink } from './exchange.ts';
import type { StreamExchanger } from './exchange-tcp.ts';
import type { UdpExchanger } from './exchange-udp.ts';
import { UpstreamError } from './upstream-error.ts';

/** How long a query waits for a TCP connection until it goes by UDP. */
export const FALLBACK_CONNECT_MS = 300;

/** Silence after which a query is asked again by UDP, from another port, and so perhaps of another Pod; and how often it is asked in all. */
const UDP_PATIENCE_MS = 300;
const UDP_ASKS = 4;

/**
 * Asks one upstream over TCP, and over UDP where no connection comes up: where it is refused, or nothing comes back. While that lasts queries go by
 * UDP at once, and a connection is tried for nobody now and then.
 */
export class FallbackExchanger {
  readonly #stream: StreamExchanger;
  readonly #udp: UdpExchanger;
  readonly #fellBack: () => void;
  readonly #silences: DeadlineList;

  constructor(stream: StreamExchanger, udp: UdpExchanger, clock: Clock, fellBack: () => void) {
    this.#stream = stream;
    this.#udp = udp;
    this.#fellBack = fellBack;
    this.#silences = new DeadlineList(UDP_PATIENCE_MS, clock);
  }

  /** What is asked goes on, and is asked no more. */
  close(): void {
    this.#silences.close();
  }

  send(exchange: Exchange): void {
    if (this.#stream.isUnreachable) {
      this.#stream.retry();
      this.#fallBack(exchange);
      return;
    }
    this.#stream.send(copyFor(exchange, new FallbackSink(exchange, (unreached) => this.#fallBack(unreached))));
  }

  #fallBack(exchange: Exchange): void {
    this.#fellBack();
    new UdpQuery(exchange, this.#udp, this.#silences).ask();
  }
}

const copyFor = ({ message, question, maxUdpOctets, giveUpAtMs }: Exchange, sink: ExchangeSink): Exchange =>
  new Exchange(message, question, maxUdpOctets, sink, giveUpAtMs);

/** A query that is asked again while nothing comes back; the first reply counts, and the last failure. */
class UdpQuery implements ExchangeSink, Timed {
  readonly #exchange: Exchange;
  readonly #udp: UdpExchanger;
  readonly #silences: DeadlineList;
  #asks = 0;
  #failures = 0;
  #isOver = false;
  deadlineMs = 0;
  previous: Timed | null = null;
  next: Timed | null = null;

  constructor(exchange: Exchange, udp: UdpExchanger, silences: DeadlineList) {
    this.#exchange = exchange;
    this.#udp = udp;
    this.#silences = silences;
  }

  ask(): void {
    this.#asks++;
    this.#udp.send(copyFor(this.#exchange, this));
    if (this.#asks < UDP_ASKS) this.#silences.add(this);
  }

  expired(): void {
    this.ask();
  }

  replied(reply: Message): void {
    if (this.#end()) this.#exchange.sink.replied(reply);
  }

  failed(error: Error): void {
    if (++this.#failures === this.#asks && this.#end()) this.#exchange.sink.failed(error);
  }

  /** False where it had ended. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#silences.remove(this);
    return true;
  }
}

/** Hands on what came over TCP, but for want of a connection. */
class FallbackSink implements ExchangeSink {
  readonly #exchange: Exchange;
  readonly #unreached: (exchange: Exchange) => void;

  constructor(exchange: Exchange, unreached: (exchange: Exchange) => void) {
    this.#exchange = exchange;
    this.#unreached = unreached;
  }

  replied(reply: Message): void {
    this.#exchange.sink.replied(reply);
  }

  failed(error: Error): void {
    if (error instanceof UpstreamError && error.code === 'upstream-connect') this.#unreached(this.#exchange);
    else this.#exchange.sink.failed(error);
  }
}
