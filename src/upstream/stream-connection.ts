import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { joinHostPort } from '#dns/address.ts';
import { decodeMessage, type Message, WireFault } from '#dns/decode.ts';
import type { Clock } from './clock.ts';
import type { Exchange, ExchangePlace } from './exchange.ts';
import type { IgnoredReason } from './exchange-udp.ts';
import { randomId } from './random-id.ts';
import { isReplyTo } from './reply-check.ts';
import { reasonOf, UpstreamError } from './upstream-error.ts';

/** What a connection tells the pool that it belongs to. */
export interface ConnectionEvents {
  /** A reply came; the connection may have room for the next exchange. */
  replied(connection: StreamConnection, exchange: Exchange, reply: Message): void;
  /** What came for this exchange is wrong, or the connection broke under it. */
  failed(connection: StreamConnection, exchange: Exchange, error: Error): void;
  /** The peer closed a connection that it had answered on, without a word about this exchange: it is worth another try. */
  lost(connection: StreamConnection, exchange: Exchange, error: Error): void;
  /** The connection is gone. */
  closed(connection: StreamConnection): void;
  /** A message came that is nobody's reply. */
  ignored(reason: IgnoredReason): void;
}

/**
 * A TCP or TLS connection to an upstream. Queries may be sent without waiting for replies, which come in any order (RFC 7766, section 6.2.1).
 * What is sent in one turn of the event loop waits for `flush`.
 */
export class StreamConnection implements ExchangePlace {
  readonly #socket: Socket;
  readonly #remote: string;
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  /** When it takes no more queries, however busy it is. */
  readonly oldAtMs: number;
  usedAtMs: number;
  /** When something was read last; at first when it was opened. */
  heardAtMs: number;
  /** With queries on it: since when nothing has come. */
  quietSinceMs: number;
  /** Replies that have come on it. */
  answered = 0;
  /** True once it takes no more queries. It closes when those on it are over. */
  isRetired = false;
  /** True once its queries were asked elsewhere. */
  isGivenUp = false;
  readonly #waiting = new Map<number, Exchange>();
  #unsent: Buffer[] = [];
  /** What was read of a message that is not whole yet. */
  #partial: Buffer | null = null;
  #error: Error | null = null;
  #isClosed = false;

  /** `socket` is connected, with the TLS handshake done. */
  constructor(
    socket: Socket,
    remote: string,
    {
      clock,
      events,
      maxAgeMs,
    }: { readonly clock: Clock; readonly events: ConnectionEvents; readonly maxAgeMs: number },
  ) {
    this.#socket = socket;
    this.#remote = remote;
    this.#clock = clock;
    this.#events = events;
    const now = clock.monotonicMs();
    this.oldAtMs = now + maxAgeMs;
    this.usedAtMs = this.heardAtMs = this.quietSinceMs = now;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#data(bytes));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('end', () => this.#gone());
    socket.on('close', () => this.#gone());
  }

  /** Queries that wait for replies. */
  get load(): number {
    return this.#waiting.size;
  }

  /** Queries that wait for `flush`. */
  get unsent(): number {
    return this.#unsent.length;
  }

  get exchanges(): Iterable<Exchange> {
    return this.#waiting.values();
  }

  /** Takes a query, with the two octets of its length (RFC 1035, section 4.2.2). Its time limit is the caller's to start. */
  send(exchange: Exchange, now: number): void {
    let id = randomId();
    while (this.#waiting.has(id)) id = randomId();
    exchange.setId(id);
    if (this.#waiting.size === 0) this.quietSinceMs = now;
    this.#waiting.set(id, exchange);
    const framed = Buffer.allocUnsafe(2 + exchange.message.length);
    framed.writeUInt16BE(exchange.message.length, 0);
    exchange.message.copy(framed, 2);
    this.#unsent.push(framed);
  }

  /** Writes what was taken, in one go. */
  flush(): void {
    const frames = this.#unsent;
    if (frames.length === 0) return;
    this.#unsent = [];
    if (!this.#isClosed) this.#socket.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
  }

  /** A late reply to it would be taken for one to the next query with its ID, so there is none. */
  forget(exchange: Exchange): void {
    for (const [id, each] of this.#waiting) if (each === exchange) this.#waiting.delete(id);
    this.retire();
  }

  /** Takes no more queries, and closes once those on it have ended. */
  retire(): void {
    this.isRetired = true;
    if (this.#waiting.size === 0) this.close();
  }

  /** Closes with a reason for what is on it. */
  abort(error: Error): void {
    const exchanges = this.#takeAll();
    this.close();
    for (const exchange of exchanges) this.#events.failed(this, exchange, error);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // To a peer that is gone the kernel would go on sending what it has, and then FIN, for minutes.
    if (this.isGivenUp && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    this.#events.closed(this);
  }

  timeoutError(): UpstreamError {
    return this.#failure('upstream-timeout', 'i/o timeout');
  }

  #takeAll(): Exchange[] {
    const exchanges = [...this.#waiting.values()];
    this.#waiting.clear();
    return exchanges;
  }

  #data(bytes: Buffer): void {
    this.heardAtMs = this.quietSinceMs = this.#clock.monotonicMs();
    let unread = this.#partial === null ? bytes : Buffer.concat([this.#partial, bytes]);
    this.#partial = null;
    while (unread.length >= 2 && !this.#isClosed) {
      const end = 2 + unread.readUInt16BE(0);
      if (unread.length < end) break;
      this.#message(unread.subarray(2, end));
      unread = unread.subarray(end);
    }
    if (unread.length === 0 || this.#isClosed) return;
    this.#partial = unread;
  }

  #message(bytes: Buffer): void {
    // Nothing was asked: what the peer says now could be taken for the reply to the next query.
    if (this.#waiting.size === 0) {
      this.close();
      return;
    }
    const id = bytes.length >= 2 ? bytes.readUInt16BE(0) : -1;
    const exchange = this.#waiting.get(id);
    if (exchange === undefined && id >= 0) {
      this.#events.ignored('id');
      return;
    }
    const reply = decodeMessage(bytes);
    // Nobody can come between here, so the peer is confused, and what it says next may be as wrong.
    if (exchange === undefined || reply instanceof WireFault || !isReplyTo(exchange, reply)) {
      this.#confused(id, exchange, reply);
      return;
    }
    this.#waiting.delete(id);
    this.answered++;
    this.#events.replied(this, exchange, reply);
  }

  #confused(id: number, exchange: Exchange | undefined, reply: Message | WireFault): void {
    const isFault = reply instanceof WireFault;
    this.#events.ignored(isFault ? 'format' : 'question');
    this.#waiting.delete(id);
    const others = this.#takeAll();
    this.close();
    const reason = isFault ? reply.reason : 'it is to another question';
    const error = new UpstreamError('upstream-io', `dns: bad reply: ${reason}`, this.#remote);
    if (exchange !== undefined) this.#events.failed(this, exchange, error);
    for (const other of others) this.#end(other, exchange !== undefined, error);
  }

  #gone(): void {
    const exchanges = this.#takeAll();
    const isSilent = this.answered > 0 && this.#partial === null;
    // A peer that closed on purpose says EOF; one that had forgotten the connection says reset.
    const error = this.#error;
    const failure =
      error === null
        ? new UpstreamError('upstream-closed', 'EOF', this.#remote)
        : this.#failure('upstream-io', reasonOf(error), error);
    this.close();
    for (const exchange of exchanges) this.#end(exchange, isSilent, failure);
  }

  #end(exchange: Exchange, isWorthATry: boolean, error: UpstreamError): void {
    if (isWorthATry) this.#events.lost(this, exchange, error);
    else this.#events.failed(this, exchange, error);
  }

  #failure(code: 'upstream-io' | 'upstream-timeout', reason: string, cause?: Error): UpstreamError {
    const { localAddress, localPort } = this.#socket;
    const local = localAddress === undefined ? '?' : joinHostPort(localAddress, localPort ?? 0);
    const call = reason.startsWith('write: ') ? 'write' : 'read';
    return new UpstreamError(code, `${call} tcp ${local}->${this.#remote}: ${reason}`, this.#remote, { cause });
  }
}
