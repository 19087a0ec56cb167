import type { Socket } from 'node:net';
import { joinHostPort } from '#dns/address.ts';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import type { Exchange, ExchangeOwner } from './exchange.ts';
import type { IgnoredReason } from './exchange-udp.ts';
import { randomId } from './random-id.ts';
import { isReplyTo } from './reply-check.ts';
import { reasonOf, UpstreamError } from './upstream-error.ts';

/** What a connection tells the pool that it belongs to. */
export interface ConnectionEvents {
  /** The exchange is over and the connection can take the next one. */
  released(connection: StreamConnection): void;
  /** The connection is gone. */
  closed(connection: StreamConnection): void;
  /** A message came that is nobody's reply. */
  ignored(reason: IgnoredReason): void;
  /** The peer closed a connection that had been used before, without a word about this exchange: it is worth another try. */
  lost(exchange: Exchange): void;
}

/** A TCP or TLS connection to an upstream, used by one query at a time (as CoreDNS does). RFC 7766. */
export class StreamConnection implements ExchangeOwner {
  readonly #socket: Socket;
  readonly #remote: string;
  readonly #events: ConnectionEvents;
  readonly createdAtMs: number;
  usedAtMs: number;
  #current: Exchange | null = null;
  /** The exchange that was on this connection last, for its owner to end its time limit. */
  finished: Exchange | null = null;
  #wasUsed = false;
  #isReused = false;
  /** What was read of a message that is not whole yet. */
  #partial: Buffer | null = null;
  #error: Error | null = null;
  #isClosed = false;

  /** `socket` is connected, with the TLS handshake done. */
  constructor(socket: Socket, remote: string, now: number, events: ConnectionEvents) {
    this.#socket = socket;
    this.#remote = remote;
    this.#events = events;
    this.createdAtMs = now;
    this.usedAtMs = now;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#data(bytes));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('end', () => this.#gone());
    socket.on('close', () => this.#gone());
  }

  /** Writes the query with the two octets of its length (RFC 1035, section 4.2.2). Its time limit is the caller's to start. */
  send(exchange: Exchange): void {
    this.#isReused = this.#wasUsed;
    this.#wasUsed = true;
    this.#current = exchange;
    this.finished = exchange;
    exchange.owner = this;
    exchange.setId(randomId());
    const framed = Buffer.allocUnsafe(2 + exchange.message.length);
    framed.writeUInt16BE(exchange.message.length, 0);
    exchange.message.copy(framed, 2);
    this.#socket.write(framed);
  }

  timedOut(exchange: Exchange): void {
    const error = this.#failure('upstream-timeout', 'i/o timeout');
    this.#current = null;
    this.close();
    exchange.sink.failed(error);
  }

  /** Closes with a reason for what is in flight. */
  abort(error: Error): void {
    const exchange = this.#current;
    this.#current = null;
    this.close();
    exchange?.sink.failed(error);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#events.closed(this);
  }

  #data(bytes: Buffer): void {
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
    const exchange = this.#current;
    // Nothing was asked: what the peer says now could be taken for the reply to the next query.
    if (exchange === null) {
      this.close();
      return;
    }
    if (bytes.length >= 2 && bytes.readUInt16BE(0) !== exchange.id) {
      this.#events.ignored('id');
      return;
    }
    const reply = decodeMessage(bytes);
    this.#current = null;
    exchange.owner = null;
    // Nobody can come between here, so the peer is confused, and what it says next may be as wrong.
    if (reply instanceof WireFault || !isReplyTo(exchange, reply)) {
      const isFault = reply instanceof WireFault;
      this.#events.ignored(isFault ? 'format' : 'question');
      this.close();
      const reason = isFault ? reply.reason : 'it is to another question';
      exchange.sink.failed(new UpstreamError('upstream-io', `dns: bad reply: ${reason}`, this.#remote));
      return;
    }
    this.#events.released(this);
    exchange.sink.replied(reply);
  }

  #gone(): void {
    const exchange = this.#current;
    this.#current = null;
    const isSilent = this.#isReused && this.#partial === null;
    // A peer that closed on purpose says EOF; one that had forgotten the connection says reset.
    const error = this.#error;
    const failure =
      error === null
        ? new UpstreamError('upstream-closed', 'EOF', this.#remote)
        : this.#failure('upstream-io', reasonOf(error), error);
    this.close();
    if (exchange === null) return;
    exchange.owner = null;
    if (isSilent) this.#events.lost(exchange);
    else exchange.sink.failed(failure);
  }

  #failure(code: 'upstream-io' | 'upstream-timeout', reason: string, cause?: Error): UpstreamError {
    const { localAddress, localPort } = this.#socket;
    const local = localAddress === undefined ? '?' : joinHostPort(localAddress, localPort ?? 0);
    const call = reason.startsWith('write: ') ? 'write' : 'read';
    return new UpstreamError(code, `${call} tcp ${local}->${this.#remote}: ${reason}`, this.#remote, { cause });
  }
}
