import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { decodeMessage, FLAG, type Message, WireFault } from '#dns/decode.ts';
import type { EdnsOption } from '#dns/edns.ts';
import { encodeMessage, MAX_MESSAGE_OCTETS } from '#dns/encode.ts';
import { wireNameFromText } from '#dns/name.ts';
import { CLASS } from '#dns/registry/classes.ts';
import { rrTypeNumber } from '#dns/registry/rr-types.ts';

export interface QueryOptions {
  readonly class?: number;
  readonly id?: number;
  readonly opcode?: number;
  readonly isRecursionDesired?: boolean;
  readonly isCheckingDisabled?: boolean;
  readonly isAuthenticData?: boolean;
  /** EDNS UDP size; left out: no OPT. */
  readonly udpSize?: number;
  readonly isDnssecOk?: boolean;
  readonly options?: readonly EdnsOption[];
  readonly transport?: 'udp' | 'tcp';
  /** ms to wait; the default is long, because a reply is always expected. */
  readonly timeoutMs?: number;
}

/** Octets of a query. */
export const encodeQuery = (name: string, type: string, options: QueryOptions = {}): Buffer =>
  encodeMessage(
    {
      id: options.id ?? Math.floor(Math.random() * 65_536),
      flags:
        ((options.isRecursionDesired ?? true) ? FLAG.RD : 0) |
        (options.isCheckingDisabled ? FLAG.CD : 0) |
        (options.isAuthenticData ? FLAG.AD : 0),
      opcode: options.opcode ?? 0,
      rcode: 0,
      question: { name: wireNameFromText(name), type: rrTypeNumber(type) as number, class: options.class ?? CLASS.IN },
      answer: [],
      authority: [],
      additional: [],
      opt:
        options.udpSize === undefined && !options.isDnssecOk && !options.options
          ? null
          : {
              udpSize: options.udpSize ?? 4096,
              isDnssecOk: options.isDnssecOk ?? false,
              options: options.options ?? [],
            },
    },
    MAX_MESSAGE_OCTETS,
  );

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Sends octets over UDP and gives the first datagram that comes back, or null after `timeoutMs`. */
export const exchangeUdp = (
  { address, port }: Endpoint,
  bytes: Uint8Array,
  timeoutMs = 10_000,
): Promise<Buffer | null> =>
  new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    const finish = (reply: Buffer | null): void => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    const timer = setTimeout(() => finish(null), timeoutMs);
    socket.on('message', finish);
    socket.on('error', (error) => {
      clearTimeout(timer);
      socket.close();
      reject(error);
    });
    socket.send(bytes, port, address);
  });

/** Octets as they go over TCP: their length in front. */
export const framed = (bytes: Uint8Array): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
};

/** One TCP connection with frames in and out. */
export class TcpClient {
  readonly socket: Socket;
  #pending = Buffer.alloc(0);
  readonly #frames: Buffer[] = [];
  #wake: (() => void) | null = null;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      while (this.#pending.length >= 2 && this.#pending.length >= 2 + this.#pending.readUInt16BE(0)) {
        const end = 2 + this.#pending.readUInt16BE(0);
        this.#frames.push(this.#pending.subarray(2, end));
        this.#pending = this.#pending.subarray(end);
      }
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  /** `from`: the address to come from. */
  static open({ address, port }: Endpoint, from?: string): Promise<TcpClient> {
    return new Promise((resolve, reject) => {
      const source = from === undefined ? {} : { localAddress: from };
      const socket = connect({ host: address, port, ...source }, () => {
        socket.off('error', reject);
        resolve(new TcpClient(socket));
      });
      socket.once('error', reject);
    });
  }

  send(bytes: Uint8Array): void {
    this.socket.write(framed(bytes));
  }

  /** The next frame, or null once the server has closed. */
  async next(): Promise<Buffer | null> {
    while (this.#frames.length === 0 && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#frames.shift() ?? null;
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Sends octets over a TCP connection of its own and gives the first frame that comes back. */
export const exchangeTcp = async (endpoint: Endpoint, bytes: Uint8Array): Promise<Buffer | null> => {
  const client = await TcpClient.open(endpoint);
  client.send(bytes);
  const reply = await client.next();
  client.close();
  return reply;
};

/** Asks and decodes; throws where no reply comes or it does not decode. */
export const ask = async (
  endpoint: Endpoint,
  name: string,
  type: string,
  options: QueryOptions = {},
): Promise<Message> => {
  const bytes = encodeQuery(name, type, options);
  const reply =
    options.transport === 'tcp'
      ? await exchangeTcp(endpoint, bytes)
      : await exchangeUdp(endpoint, bytes, options.timeoutMs);
  if (reply === null) throw new Error(`no reply to ${name} ${type}`);
  const message = decodeMessage(reply);
  if (message instanceof WireFault) throw new Error(`reply to ${name} ${type}: ${message.reason} at ${message.offset}`);
  return message;
};
