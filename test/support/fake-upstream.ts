import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { decodeMessage, FLAG, type Message, type Question, WireFault } from '#dns/decode.ts';
import type { EdnsOption } from '#dns/edns.ts';
import { encodeMessage } from '#dns/encode.ts';
import { wireNameFromText } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordsFromText } from '#dns/record-text.ts';

/** PEM files of the test's certificate authority and of its server (localhost, 127.0.0.1, ::1). */
export const TLS_FILES = {
  ca: join(import.meta.dirname, 'tls/ca.crt'),
  cert: join(import.meta.dirname, 'tls/server.crt'),
  key: join(import.meta.dirname, 'tls/server.key'),
} as const;

/** What a reply says; what is left out is as in the query. */
export interface ReplyFields {
  readonly id?: number;
  readonly rcode?: number;
  /** Flags beside QR; RD | RA where left out. */
  readonly flags?: number;
  readonly question?: Question | null;
  readonly answer?: readonly ResourceRecord[];
  readonly authority?: readonly ResourceRecord[];
  readonly additional?: readonly ResourceRecord[];
  readonly opt?: {
    readonly udpSize: number;
    readonly isDnssecOk: boolean;
    readonly options: readonly EdnsOption[];
  } | null;
}

/** A query as the upstream got it, and the ways to react. */
export interface Asked {
  readonly message: Message;
  readonly bytes: Buffer;
  readonly protocol: 'udp' | 'tcp';
  readonly peer: { readonly address: string; readonly port: number };
  /** Number of the TCP or TLS connection, from 0; -1 for UDP. */
  readonly connection: number;
  /** A reply in octets. */
  encode(fields?: ReplyFields): Buffer;
  reply(fields?: ReplyFields): void;
  /** Any octets; over TCP with the length in front. */
  send(bytes: Buffer): void;
  /** Any octets as they are; over TCP without a length. */
  sendRaw(bytes: Buffer): void;
  /** UDP only: these octets from another port, and another address if that is given. Resolves when they have left. */
  sendFromElsewhere(bytes: Buffer, address?: string): Promise<void>;
  /** TCP and TLS: ends the connection. */
  hangUp(): void;
  /** TCP: ends it as if this end had forgotten it. */
  reset(): void;
}

export type Script = (asked: Asked) => void;

/** Answers every query with one A record, 192.0.2.1. */
export const answerA: Script = (asked) => asked.reply({ answer: recordsFromText('@ 300 IN A 192.0.2.1', {}) });

/** A scriptable DNS server on real sockets of 127.0.0.1: UDP and TCP on one port, or TLS. */
export class FakeUpstream {
  /** Queries in the order in which they came. */
  readonly asked: Asked[] = [];
  script: Script;
  /** TCP or TLS connections that were opened. */
  connections = 0;
  /** TLS connections that resumed a session. */
  resumed = 0;
  readonly port: number;
  readonly #udp: UdpSocket | null;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(script: Script, udp: UdpSocket | null, server: Server) {
    this.script = script;
    this.#udp = udp;
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
    udp?.on('message', (bytes, peer) => this.#udpMessage(bytes, peer));
    server.on(udp === null ? 'secureConnection' : 'connection', (socket: Socket) => this.#connection(socket));
  }

  /** `wanted`: a port that one had before. */
  static async open(script: Script = answerA, transport: 'plain' | 'tls' = 'plain', wanted = 0): Promise<FakeUpstream> {
    if (transport === 'tls') {
      const pair = { cert: readFileSync(TLS_FILES.cert), key: readFileSync(TLS_FILES.key) };
      const server = createTlsServer(pair);
      server.on('tlsClientError', () => undefined);
      await listen(server);
      return new FakeUpstream(script, null, server);
    }
    for (;;) {
      const server = createServer();
      const port = await listen(server, wanted);
      const udp = createSocket('udp4');
      // The port may be taken for UDP: then another one.
      const isBound = await new Promise<boolean>((resolve) => {
        udp.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true));
      });
      if (isBound) return new FakeUpstream(script, udp, server);
      udp.close();
      server.close();
    }
  }

  /** `127.0.0.1:PORT`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** TCP and TLS connections that are open now. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** Ends all TCP and TLS connections from this side. Resolves when the other side has closed them too. */
  async hangUp(): Promise<void> {
    await Promise.all(
      [...this.#open].map((socket) => new Promise<void>((resolve) => socket.on('close', () => resolve()).end())),
    );
  }

  /** Ends TCP: connections are reset or closed, new ones refused. UDP goes on. */
  async closeTcp(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** TCP is there again, on the same port. */
  async openTcp(): Promise<void> {
    await listen(this.#server, this.port);
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#server.close(() => resolve())),
      new Promise<void>((resolve) => (this.#udp === null ? resolve() : this.#udp.close(() => resolve()))),
    ]);
  }

  #udpMessage(bytes: Buffer, peer: { readonly address: string; readonly port: number }): void {
    const udp = this.#udp as UdpSocket;
    this.#take(bytes, {
      protocol: 'udp',
      peer,
      connection: -1,
      send: (reply) => udp.send(reply, peer.port, peer.address),
      sendRaw: (reply) => udp.send(reply, peer.port, peer.address),
      hangUp: () => undefined,
      reset: () => undefined,
    });
  }

  #connection(socket: Socket): void {
    const connection = this.connections++;
    if (socket instanceof TLSSocket && socket.isSessionReused()) this.resumed++;
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket)).on('error', () => undefined);
    let unread: Buffer = Buffer.alloc(0);
    const peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    const send = (reply: Buffer): void => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      socket.write(Buffer.concat([length, reply]));
    };
    socket.on('data', (bytes: Buffer) => {
      unread = Buffer.concat([unread, bytes]);
      while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
        const end = 2 + unread.readUInt16BE(0);
        this.#take(unread.subarray(2, end), {
          protocol: 'tcp',
          peer,
          connection,
          send,
          sendRaw: (octets) => void socket.write(octets),
          hangUp: () => void socket.end(),
          reset: () => void socket.resetAndDestroy(),
        });
        unread = unread.subarray(end);
      }
    });
  }

  #take(
    bytes: Buffer,
    from: Pick<Asked, 'protocol' | 'peer' | 'connection' | 'send' | 'sendRaw' | 'hangUp' | 'reset'>,
  ): void {
    const message = decodeMessage(Buffer.from(bytes));
    if (message instanceof WireFault) throw new Error(`the upstream was sent a bad message: ${message.reason}`);
    const encode = (fields: ReplyFields = {}): Buffer => encodeReply(message, fields);
    const asked: Asked = {
      ...from,
      message,
      bytes: Buffer.from(bytes),
      encode,
      reply: (fields) => from.send(encode(fields)),
      sendFromElsewhere: (reply, address) => sendFromNewSocket(reply, from.peer, address),
    };
    this.asked.push(asked);
    this.script(asked);
  }
}

const listen = (server: Server, port = 0): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });

/** How `@` is read. */
const ASKED_NAME = wireNameFromText('@');

/** An owner of `@` is the name that was asked. */
const encodeReply = (query: Message, fields: ReplyFields): Buffer => {
  const question = fields.question === undefined ? (query.questions[0] ?? null) : fields.question;
  const owned = (records: readonly ResourceRecord[] = []): ResourceRecord[] =>
    records.map((record) =>
      record.owner !== ASKED_NAME ? record : record.withOwner(query.questions[0]?.name ?? record.owner),
    );
  return encodeMessage(
    {
      id: fields.id ?? query.id,
      flags: FLAG.QR | (fields.flags ?? FLAG.RD | FLAG.RA),
      opcode: query.opcode,
      rcode: fields.rcode ?? 0,
      question,
      answer: owned(fields.answer),
      authority: owned(fields.authority),
      additional: owned(fields.additional),
      opt: fields.opt === undefined ? null : fields.opt,
    },
    65_535,
  );
};

const sendFromNewSocket = async (
  bytes: Buffer,
  peer: { readonly address: string; readonly port: number },
  address = '127.0.0.1',
): Promise<void> => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  await new Promise<void>((resolve) => {
    socket.send(bytes, peer.port, peer.address, () => socket.close(() => resolve()));
  });
};
