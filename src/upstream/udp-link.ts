import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { joinHostPort } from '#dns/address.ts';
import type { Endpoint } from './endpoint.ts';

/** What a link tells whoever opened it; never before the call that gave cause has returned. */
export interface UdpLinkEvents {
  /** The octets are good until the call returns. */
  message(bytes: Buffer): void;
  /** It could not be opened, or a datagram not be sent or received. */
  failed(error: Error): void;
}

/** A UDP socket that is connected to an upstream, on a port that the kernel picked at random. It hears nobody else. */
export interface UdpLink {
  /** Sends now, or at the end of this turn of the event loop. */
  send(message: Buffer): void;
  /** `ADDRESS:PORT` of this end, '?' where it has none. */
  readonly local: string;
  close(): void;
}

export type OpenLink = (endpoint: Endpoint, events: UdpLinkEvents) => UdpLink;

/** `ADDRESS:PORT` that a socket is bound to. */
export const localText = (socket: Socket): string => {
  try {
    const { address, port } = socket.address();
    return joinHostPort(address, port);
  } catch {
    return '?';
  }
};

/** One system call a datagram, by `node:dgram`. */
class DgramLink implements UdpLink {
  readonly #socket: Socket;
  readonly #events: UdpLinkEvents;
  /** Why it could not be opened. */
  #fault: Error | null = null;

  constructor({ host, port, sourceAddress }: Endpoint, events: UdpLinkEvents) {
    this.#events = events;
    const family = isIPv6(host) ? 6 : 4;
    // A look-up that answers at once makes bind and connect synchronous, so that the first query can leave right away.
    this.#socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      lookup: (address, _options, done) => done(null, address, family),
    });
    const refused = (error: Error): void => {
      this.#fault ??= error;
    };
    this.#socket.on('error', refused);
    this.#socket.on('message', (bytes) => events.message(bytes));
    this.#socket.bind({ port: 0, exclusive: true, ...(sourceAddress !== null && { address: sourceAddress }) });
    if (this.#fault === null) this.#socket.connect(port, host);
    this.#socket.off('error', refused).on('error', (error) => events.failed(error));
    if (this.#fault !== null) this.#failLater(this.#fault);
  }

  get local(): string {
    return localText(this.#socket);
  }

  send(message: Buffer): void {
    if (this.#fault !== null) return;
    try {
      this.#socket.send(message, this.#sent);
    } catch (error) {
      // Not connected: the reason comes as an 'error' event, but if it does not, this one will do.
      this.#failLater(error as Error);
    }
  }

  close(): void {
    this.#socket.close();
  }

  #failLater(error: Error): void {
    setImmediate(() => this.#events.failed(error));
  }

  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#events.failed(error);
  };
}

export const openDgramLink: OpenLink = (endpoint, events) => new DgramLink(endpoint, events);
