import type { Socket } from 'node:net';
import type { Peer } from '#plugin/index.ts';
import type { ReplySink, ServerGroup } from '../server-group.ts';
import { quietTurn } from './quiet-turn.ts';
import type { CloseReason } from './tcp-metrics.ts';

/** Limits of connections; times as CoreDNS has them. */
export interface TcpLimits {
  /** ms from the connection to the first whole query, and for each query from its first octet to its last. */
  readonly readMs: number;
  /** ms without a query in flight or arriving. */
  readonly idleMs: number;
  /** Connections at once on one listener; one more closes the one that has been idle longest. */
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  /** Queries of one connection on their way; above it the connection is not read. */
  readonly maxInFlight: number;
  /** Queries of all connections on their way; above it each has one at a time. */
  readonly maxInFlightOfAll: number;
  /** Octets that may wait for a client that does not read before it is given up. */
  readonly maxUnsentOctets: number;
  /** The same for all clients; above it whoever does not read is given up. */
  readonly maxUnsentOctetsOfAll: number;
  /** Octets of parts of queries, and of large queries on their way, of all clients; above it whoever sends large ones is given up. */
  readonly maxQueryOctetsOfAll: number;
}

/** What its connections share. */
export interface ConnectionOwner {
  readonly limits: TcpLimits;
  readonly group: ServerGroup | null;
  inFlight: number;
  unsentOctets: number;
  queryOctets: number;
  /** The connection has done something: it is no longer the one that has been idle longest. */
  touch(connection: Connection): void;
  forget(connection: Connection): void;
}

const EMPTY = Buffer.alloc(0);
const NEVER = Number.POSITIVE_INFINITY;
/** Unsent octets from which on a client is not asked for more queries. */
const HOLD_OCTETS = 64 * 1024;
/** A query is not larger as a rule; what is does not count as memory. */
const USUAL_QUERY_OCTETS = 4096;

/** One client's connection: frames in (RFC 1035, section 4.2.2), replies out in the order in which they are ready (RFC 7766, section 7). */
export class Connection implements ReplySink {
  /** Grows with every query of the listener: the connection with the smallest has been idle longest. */
  stamp = 0;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #peer: Peer;
  /** Octets that came and were not looked at yet: a part of a query, or more while the connection is held. */
  #waiting: Buffer = EMPTY;
  /** Of these, as the owner has them counted; and octets that the kernel has not taken, when it was last asked. */
  #counted = 0;
  #unsent = 0;
  #inFlight = 0;
  /** No query is taken any more: the client has ended its side, or has sent what can't be understood. */
  #isLast = false;
  /** Not read until replies have left. */
  #isHeld = false;
  #isRetiring = false;
  #isLeaving = false;
  /** The client has ended its side; what it has asked before may still wait. */
  #hasEnded = false;
  #isCorked = false;
  #isInFrames = false;
  /** By when the query that has begun must be here whole. The first one begins with the connection. */
  #queryDeadlineMs: number;
  #idleDeadlineMs = NEVER;
  #reason: CloseReason = 'client';

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.#queryDeadlineMs = performance.now() + owner.limits.readMs;
    const remote = socket.remoteAddress ?? '';
    this.#peer = {
      address: withoutMapping(remote),
      port: socket.remotePort ?? 0,
      family: remote.includes(':') && !remote.startsWith('::ffff:') ? 6 : 4,
      localAddress: withoutMapping(socket.localAddress ?? ''),
      localPort: socket.localPort ?? 0,
    };
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => this.#end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
    // Where another instance has the port, too, clients come as soon as it is open.
    if (owner.group === null) this.#hold();
  }

  /** Takes what has come before there was a group to ask. */
  begin(): void {
    this.#goOn();
  }

  get client(): string {
    return this.#peer.address;
  }

  /** Why it was closed. */
  get reason(): CloseReason {
    return this.#reason;
  }

  /** True with a query on its way: then it is not idle. */
  get isBusy(): boolean {
    return this.#inFlight > 0;
  }

  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  /** Why it is to be closed at this monotonic ms, or null. */
  overdue(nowMs: number): CloseReason | null {
    this.#countUnsent();
    if (this.#queryDeadlineMs <= nowMs) return 'slow';
    if (this.isBusy || this.#idleDeadlineMs > nowMs) return null;
    return this.#unsent > 0 ? 'unread' : 'idle';
  }

  /** Closes it at once. */
  destroy(reason: CloseReason): void {
    if (this.#socket.destroyed) return;
    this.#isLast = true;
    this.#reason = reason;
    this.#socket.destroy();
    this.#closed();
  }

  /** Closes it when the replies that there are have been sent. */
  finish(reason: CloseReason): void {
    this.#isLast = true;
    this.#reason = reason;
    this.flush();
    // At a stop the client closes last, and is read until then: closing on octets that were not read would reset the connection, and with
    // it replies that are on their way.
    if (reason === 'stop') this.#socket.end();
    else this.#socket.destroySoon();
  }

  /** Closes behind its next replies: no query of a client that waits for its answers crosses the end. */
  leave(): void {
    this.#isLeaving = true;
  }

  /** Takes no more queries and closes when those that it has are answered. */
  retire(): void {
    if (this.#isLast) return;
    this.#isRetiring = true;
    // One that is held has been asked more: it retires when that has been read.
    if (this.#isHeld) return;
    this.#isLast = true;
    this.#reason = 'stop';
    if (!this.isBusy) this.finish('stop');
  }

  send(message: Buffer): void {
    this.#write(message);
    this.none();
  }

  none(): void {
    this.#inFlight--;
    this.#owner.inFlight--;
    if (this.#socket.destroyed) return;
    if (this.#inFlight === 0) {
      this.#idleDeadlineMs = performance.now() + this.#owner.limits.idleMs;
      if (!this.#isInFrames) this.#finishIfDone();
    }
    if (!this.#isLast) this.#goOn();
  }

  /** Counts octets that belong to it, or lets them go; gives it up where all connections have too many and this one more than a usual query. */
  count(octets: number): void {
    const owner = this.#owner;
    owner.queryOctets += octets;
    if (octets > USUAL_QUERY_OCTETS && owner.queryOctets > owner.limits.maxQueryOctetsOfAll) this.destroy('memory');
  }

  /** Sends what was written. */
  flush(): void {
    if (!this.#isCorked || this.#socket.destroyed) return;
    this.#isCorked = false;
    this.#socket.uncork();
    this.#countUnsent();
    const { limits, unsentOctets } = this.#owner;
    const isAnyTooMuch = unsentOctets > limits.maxUnsentOctetsOfAll;
    if (this.#unsent > limits.maxUnsentOctets || (isAnyTooMuch && this.#unsent > 0)) this.destroy('unread');
    else if (!this.#mayAsk) this.#hold();
  }

  #data(chunk: Buffer): void {
    if (this.#isLast) return;
    this.#waiting = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    this.#frames();
  }

  /** Takes the whole frames that have come. What is answered at once comes back to `none` while this runs. */
  #frames(): void {
    const bytes = this.#waiting;
    let at = 0;
    this.#isInFrames = true;
    while (!this.#isHeld && !this.#isLast && bytes.length - at >= 2) {
      const length = bytes.readUInt16BE(at);
      if (length === 0) {
        this.#isLast = true;
        this.#reason = 'bad_length';
        break;
      }
      const end = at + 2 + length;
      if (end > bytes.length) break;
      this.#message(bytes.subarray(at + 2, end));
      at = end;
    }
    this.#isInFrames = false;
    this.#keep(bytes, at);
    if (this.#isLast || at > 0) this.#finishIfDone();
  }

  #finishIfDone(): void {
    if (this.#inFlight > 0) return;
    if (this.#isLast) this.finish(this.#reason);
    else if (this.#isLeaving && this.#waiting.length === 0) this.finish('stop');
  }

  /** Keeps what is left of the octets from `at` on, which were looked at. */
  #keep(bytes: Buffer, at: number): void {
    const { limits } = this.#owner;
    const nowMs = performance.now();
    if (this.#isLast || at === bytes.length) this.#waiting = EMPTY;
    // A part of a query must not keep all the octets in memory that it came with.
    else this.#waiting = at === 0 || this.#isHeld ? bytes.subarray(at) : Buffer.from(bytes.subarray(at));
    const isPart = this.#waiting.length > 0 && !this.#isHeld;
    if (!isPart) this.#queryDeadlineMs = NEVER;
    else if (at > 0 || this.#queryDeadlineMs === NEVER) this.#queryDeadlineMs = nowMs + limits.readMs;
    if (at > 0) {
      this.#idleDeadlineMs = nowMs + limits.idleMs;
      this.#owner.touch(this);
    }
    this.#countWaiting();
  }

  #message(bytes: Buffer): void {
    const owner = this.#owner;
    const { group } = owner;
    if (group === null) return;
    const known = group.recall(bytes, this.#peer.family === 6, true);
    if (known !== null) {
      this.#write(known);
      return;
    }
    this.#inFlight++;
    owner.inFlight++;
    if (!this.#mayAsk) this.#hold();
    group.handle(
      bytes,
      this.#peer,
      'tcp',
      bytes.length > USUAL_QUERY_OCTETS ? new LargeQuery(this, bytes.length) : this,
    );
  }

  get #mayAsk(): boolean {
    const { limits, inFlight } = this.#owner;
    const isAmongAll = inFlight < limits.maxInFlightOfAll || this.#inFlight === 0;
    return this.#inFlight < limits.maxInFlight && isAmongAll && this.#unsent < HOLD_OCTETS;
  }

  #hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  #goOn(): void {
    if (!this.#isHeld || !this.#mayAsk) return;
    this.#isHeld = false;
    this.#socket.resume();
    if (!this.#isInFrames) this.#frames();
    if (this.#hasEnded) this.#end();
    if (this.#isRetiring) void quietTurn(() => this.bytesRead).then(() => this.retire());
  }

  /** Replies of one turn leave together, or as soon as they are many. */
  #write(message: Buffer): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      socket.cork();
      process.nextTick(flush, this);
    }
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(message.length, 0);
    socket.write(length);
    socket.write(message);
    if (socket.writableLength >= HOLD_OCTETS) this.flush();
  }

  #drained(): void {
    this.#countUnsent();
    if (!this.#isLast) this.#goOn();
  }

  /** A stream that was resumed tells its end although it has been paused again. */
  #end(): void {
    this.#hasEnded = true;
    if (this.#isHeld || this.#isInFrames || this.#isLast) return;
    this.#isLast = true;
    this.#keep(EMPTY, 0);
    if (this.#inFlight === 0) this.finish(this.#reason);
  }

  #closed(): void {
    this.#isLast = true;
    this.#waiting = EMPTY;
    this.#countWaiting();
    this.#owner.unsentOctets -= this.#unsent;
    this.#unsent = 0;
    this.#owner.forget(this);
  }

  #countWaiting(): void {
    const more = this.#waiting.length - this.#counted;
    this.#counted += more;
    this.#owner.queryOctets += more;
    const { queryOctets, limits } = this.#owner;
    if (this.#counted > USUAL_QUERY_OCTETS && queryOctets > limits.maxQueryOctetsOfAll) this.destroy('memory');
  }

  #countUnsent(): void {
    const more = this.#socket.writableLength - this.#unsent;
    this.#unsent += more;
    this.#owner.unsentOctets += more;
  }
}

/** Where the reply to a large query goes, whose octets are counted while it is on its way. */
class LargeQuery implements ReplySink {
  readonly #connection: Connection;
  readonly #octets: number;

  constructor(connection: Connection, octets: number) {
    this.#connection = connection;
    this.#octets = octets;
    connection.count(octets);
  }

  send(message: Buffer): void {
    this.#connection.count(-this.#octets);
    this.#connection.send(message);
  }

  none(): void {
    this.#connection.count(-this.#octets);
    this.#connection.none();
  }
}

const flush = (connection: Connection): void => connection.flush();

const withoutMapping = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address);
