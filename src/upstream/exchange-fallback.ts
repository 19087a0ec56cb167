import type { Message } from '#dns/decode.ts';
import { Exchange, type ExchangeSink } from './exchange.ts';
import type { StreamExchanger } from './exchange-tcp.ts';
import type { UdpExchanger } from './exchange-udp.ts';
import { UpstreamError } from './upstream-error.ts';

/** How long a query waits for a TCP connection until it goes by UDP. */
export const FALLBACK_CONNECT_MS = 300;

/**
 * Asks one upstream over TCP, and over UDP where no connection comes up: where it is refused, or nothing comes back. While that lasts queries go by
 * UDP at once, and a connection is tried for nobody now and then.
 */
export class FallbackExchanger {
  readonly #stream: StreamExchanger;
  readonly #udp: UdpExchanger;
  readonly #fellBack: () => void;

  constructor(stream: StreamExchanger, udp: UdpExchanger, fellBack: () => void) {
    this.#stream = stream;
    this.#udp = udp;
    this.#fellBack = fellBack;
  }

  send(exchange: Exchange): void {
    if (this.#stream.isUnreachable) {
      this.#stream.retry();
      this.#fellBack();
      this.#udp.send(exchange);
      return;
    }
    const { message, question, maxUdpOctets, giveUpAtMs } = exchange;
    const sink = new FallbackSink(exchange, (unreached) => {
      this.#fellBack();
      this.#udp.send(unreached);
    });
    this.#stream.send(new Exchange(message, question, maxUdpOctets, sink, giveUpAtMs));
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
