import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { type Endpoint, framed, TcpClient } from '#test/dns-client.ts';
import type { Random } from '../compare/random.ts';
import { isOwedReply, judge } from './judge.ts';

/** What became of messages. */
export class Tally {
  sent = 0;
  /** Replies by response code, and `none` for what rightly had none. */
  readonly replies = new Map<string, number>();
  readonly faults: { readonly fault: string; readonly message: Buffer }[] = [];

  count(kind: string): void {
    this.replies.set(kind, (this.replies.get(kind) ?? 0) + 1);
  }

  fault(fault: string, message: Buffer): void {
    this.count('fault');
    // Each kind of fault a few times: the first ones are as good as the rest.
    if (this.faults.filter((known) => known.fault === fault).length < 3) this.faults.push({ fault, message });
  }
}

/** Keeps account of messages by their ID, which each is given anew. */
class Account {
  readonly tally: Tally;
  readonly #transport: 'udp' | 'tcp';
  readonly #open = new Map<number, { readonly message: Buffer; readonly sentMs: number }>();
  #id = 0;
  owed = 0;

  constructor(tally: Tally, transport: 'udp' | 'tcp') {
    this.tally = tally;
    this.#transport = transport;
  }

  /** The message as it is to be sent. */
  open(message: Buffer): Buffer {
    const copy = Buffer.from(message);
    if (copy.length >= 2) copy.writeUInt16BE(this.#id, 0);
    const entry = { message: copy, sentMs: performance.now() };
    const before = this.#open.get(this.#id);
    if (before !== undefined) this.#settle(this.#id, before.message);
    this.#open.set(this.#id, entry);
    if (isOwedReply(copy)) this.owed++;
    this.#id = (this.#id + 1) & 0xffff;
    this.tally.sent++;
    return copy;
  }

  reply(bytes: Buffer): void {
    const id = bytes.length >= 2 ? bytes.readUInt16BE(0) : -1;
    const entry = this.#open.get(id);
    if (entry === undefined) {
      this.tally.fault('a reply to nothing, or a second one', bytes);
      return;
    }
    this.#open.delete(id);
    if (isOwedReply(entry.message)) this.owed--;
    const { kind, fault } = judge(entry.message, bytes, this.#transport);
    if (fault !== '') this.tally.fault(fault, entry.message);
    else this.tally.count(kind);
  }

  /** Whether something owed was sent before this moment. */
  isOwedSince(ms: number): boolean {
    for (const { message, sentMs } of this.#open.values()) if (sentMs < ms && isOwedReply(message)) return true;
    return false;
  }

  /** Settles what was sent before this moment: what is owed by then is a fault. */
  settleBefore(ms: number): void {
    for (const [id, { message, sentMs }] of this.#open) if (sentMs < ms) this.#settle(id, message);
  }

  #settle(id: number, message: Buffer): void {
    this.#open.delete(id);
    if (isOwedReply(message)) {
      this.owed--;
      this.tally.fault('no reply', message);
    } else this.tally.count('none');
  }
}

export class UdpSender {
  readonly account: Account;
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket, tally: Tally) {
    this.#socket = socket;
    this.account = new Account(tally, 'udp');
    socket.on('message', (bytes) => this.account.reply(bytes));
    socket.on('error', () => undefined);
  }

  static async open({ address, port }: Endpoint, tally: Tally): Promise<UdpSender> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve) => socket.connect(port, address, resolve));
    return new UdpSender(socket, tally);
  }

  send(message: Buffer): void {
    this.#socket.send(this.account.open(message));
  }

  close(): void {
    this.#socket.close();
  }
}

/** Sound frames with mutated messages: the server has no reason to end this connection. */
export class TcpSender {
  readonly account: Account;
  readonly #client: TcpClient;
  isClosed = false;

  private constructor(client: TcpClient, tally: Tally) {
    this.#client = client;
    this.account = new Account(tally, 'tcp');
    void this.#read();
  }

  static async open(endpoint: Endpoint, tally: Tally): Promise<TcpSender> {
    return new TcpSender(await TcpClient.open(endpoint), tally);
  }

  async #read(): Promise<void> {
    for (let frame = await this.#client.next(); frame !== null; frame = await this.#client.next())
      this.account.reply(frame);
    this.isClosed = true;
  }

  /** An empty message would be a length of 0, which ends a connection. */
  send(message: Buffer): void {
    if (message.length === 0 || message.length > 65_535) return;
    this.#client.send(this.account.open(message));
  }

  close(): void {
    this.#client.close();
  }
}

/** One connection whose octets are not sound frames: lengths lie, pieces come alone, and it ends in any way. Whatever comes back must be DNS. */
export const sendBrokenStream = (
  endpoint: Endpoint,
  messages: readonly Buffer[],
  random: Random,
  tally: Tally,
): Promise<void> =>
  new Promise((resolve) => {
    const stream = Buffer.concat(messages.map((message) => brokenFrame(message, random)));
    const socket = connect({ host: endpoint.address, port: endpoint.port });
    const replies: Buffer[] = [];
    socket.on('data', (chunk) => replies.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      tally.sent += messages.length;
      checkFrames(Buffer.concat(replies), stream, tally);
      resolve();
    });
    socket.on('connect', () => void sendInPieces(socket, stream, random));
  });

const brokenFrame = (message: Buffer, random: Random): Buffer => {
  const frame = framed(message.subarray(0, 65_535));
  if (random.is(60)) return frame;
  const length = random.pick([
    0,
    1,
    2,
    11,
    12,
    13,
    message.length + 1,
    message.length - 1,
    65_535,
    random.below(65_536),
  ]);
  frame.writeUInt16BE(Math.max(0, length) & 0xffff, 0);
  return frame;
};

const sendInPieces = async (socket: Socket, stream: Buffer, random: Random): Promise<void> => {
  for (let at = 0; at < stream.length && !socket.destroyed; ) {
    const end = at + 1 + random.below(random.is(50) ? 8 : stream.length);
    socket.write(stream.subarray(at, end));
    at = end;
    if (random.is(20)) await new Promise(setImmediate);
  }
  const way = random.below(4);
  if (way === 0) socket.resetAndDestroy();
  else if (way === 1) socket.destroy();
  else socket.end();
};

/** A reset may cut the last one. */
const checkFrames = (replies: Buffer, stream: Buffer, tally: Tally): void => {
  for (let at = 0; at + 2 <= replies.length; ) {
    const end = at + 2 + replies.readUInt16BE(at);
    if (end > replies.length) return;
    // Which query it belongs to is not known: anything with QR clear will do.
    const reply = replies.subarray(at + 2, end);
    const query = Buffer.from(reply.subarray(0, 12));
    if (query.length > 2) query[2] = (query[2] as number) & 0x7f;
    const { kind, fault } = judge(query, reply, 'tcp');
    if (fault !== '' && !fault.includes('question')) tally.fault(fault, stream);
    else tally.count(kind);
    at = end;
  }
};
