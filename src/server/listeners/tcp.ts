import { createServer, type Server, type Socket } from 'node:net';
import type { Peer } from '#plugin/index.ts';
import type { ReplySink, ServerGroup } from '../server-group.ts';
import { type ListenAddress, type Listener, listenError } from './listener.ts';

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
}

export const TCP_LIMITS: TcpLimits = {
  readMs: 3000,
  idleMs: 10_000,
  maxConnections: 5000,
  maxConnectionsPerClient: 128,
  maxInFlight: 256,
};

const EMPTY = Buffer.alloc(0);
/** Octets that may wait for a client that does not read before it is given up. */
const MAX_UNSENT_OCTETS = 1024 * 1024;

/** One client's connection: frames in (RFC 1035, section 4.2.2), replies out in the order in which they are ready (RFC 7766, section 7). */
class Connection implements ReplySink {
  readonly socket: Socket;
  readonly #listener: TcpListener;
  readonly #peer: Peer;
  #pending: Buffer = EMPTY;
  #inFlight = 0;
  #hasEnded = false;
  #deadlineMs: number;
  #activeAtMs = performance.now();

  constructor(socket: Socket, listener: TcpListener) {
    this.socket = socket;
    this.#listener = listener;
    this.#deadlineMs = performance.now() + listener.limits.readMs;
    this.#peer = {
      address: withoutMapping(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      family: (socket.remoteAddress ?? '').includes(':') && !(socket.remoteAddress ?? '').startsWith('::ffff:') ? 6 : 4,
      localAddress: withoutMapping(socket.localAddress ?? ''),
      localPort: socket.localPort ?? 0,
    };
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('end', () => this.#end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => listener.forget(this));
  }

  get client(): string {
    return this.#peer.address;
  }

  /** Monotonic ms at which it is to be closed. */
  get deadlineMs(): number {
    return this.#inFlight > 0 ? Number.POSITIVE_INFINITY : this.#deadlineMs;
  }

  /** Monotonic ms since when it has done nothing; never for one with queries on their way. */
  get idleSinceMs(): number {
    return this.#inFlight > 0 ? Number.POSITIVE_INFINITY : this.#activeAtMs;
  }

  send(message: Buffer): void {
    this.#write(message);
    this.none();
  }

  none(): void {
    this.#inFlight--;
    if (this.#inFlight === 0 && this.#hasEnded) this.socket.end();
    if (this.socket.isPaused() && this.#inFlight < this.#listener.limits.maxInFlight) {
      this.socket.resume();
      this.#frames();
    }
    this.#deadlineMs = performance.now() + this.#listener.limits.idleMs;
  }

  #data(chunk: Buffer): void {
    this.#activeAtMs = performance.now();
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#frames();
  }

  /** Answers the whole frames that have come; what is left of one has `readMs` to be completed. */
  #frames(): void {
    let at = 0;
    const bytes = this.#pending;
    while (bytes.length - at >= 2 && !this.socket.isPaused()) {
      const length = bytes.readUInt16BE(at);
      if (length === 0) {
        this.socket.destroy();
        return;
      }
      if (bytes.length - at - 2 < length) break;
      this.#message(bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    const wasWaiting = at === 0 && bytes.length > 2;
    this.#pending = at === bytes.length ? EMPTY : bytes.subarray(at);
    const { readMs, idleMs } = this.#listener.limits;
    if (this.#pending.length === 0) this.#deadlineMs = performance.now() + idleMs;
    else if (!wasWaiting) this.#deadlineMs = performance.now() + readMs;
  }

  #message(bytes: Buffer): void {
    const { group } = this.#listener;
    if (group === null) return;
    const known = group.recall(bytes, this.#peer.family === 6, true);
    if (known !== null) {
      this.#write(known);
      return;
    }
    this.#inFlight++;
    if (this.#inFlight >= this.#listener.limits.maxInFlight) this.socket.pause();
    group.handle(bytes, this.#peer, 'tcp', this);
  }

  #write(message: Buffer): void {
    if (this.socket.destroyed) return;
    if (this.socket.writableLength > MAX_UNSENT_OCTETS) {
      this.socket.destroy();
      return;
    }
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(message.length, 0);
    this.socket.cork();
    this.socket.write(length);
    this.socket.write(message);
    process.nextTick(uncork, this.socket);
  }

  #end(): void {
    this.#hasEnded = true;
    if (this.#inFlight === 0) this.socket.end();
  }
}

const uncork = (socket: Socket): void => socket.uncork();

const withoutMapping = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address);

/** DNS over TCP on one address. */
export class TcpListener implements Listener {
  readonly limits: TcpLimits;
  group: ServerGroup | null = null;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #perClient = new Map<string, number>();
  readonly #sweep: NodeJS.Timeout;
  #port = 0;

  private constructor(limits: TcpLimits) {
    this.limits = limits;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#sweep = setInterval(() => this.#closeOverdue(), Math.min(500, limits.readMs / 2)).unref();
  }

  /** Binds, or rejects with the reason. */
  static open(address: ListenAddress, limits: TcpLimits = TCP_LIMITS): Promise<TcpListener> {
    const listener = new TcpListener(limits);
    return new Promise((resolve, reject) => {
      listener.#server.once('error', (error) => {
        clearInterval(listener.#sweep);
        reject(listenError('tcp', address, error));
      });
      listener.#server.listen(
        { ...(address.host === '' ? {} : { host: address.host, ipv6Only: true }), port: address.port, exclusive: true },
        () => {
          listener.#port = (listener.#server.address() as { port: number }).port;
          listener.#server.removeAllListeners('error');
          // A connection that fails while it is accepted (no more file descriptors) must not end the server.
          listener.#server.on('error', () => undefined);
          resolve(listener);
        },
      );
    });
  }

  get port(): number {
    return this.#port;
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  serve(group: ServerGroup): void {
    this.group = group;
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.socket.destroySoon();
    await closed;
  }

  forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const left = (this.#perClient.get(connection.client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(connection.client, left);
    else this.#perClient.delete(connection.client);
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, this);
    const ofClient = (this.#perClient.get(connection.client) ?? 0) + 1;
    this.#connections.add(connection);
    this.#perClient.set(connection.client, ofClient);
    if (ofClient > this.limits.maxConnectionsPerClient)
      this.#closeLongestIdle((other) => other.client === connection.client);
    else if (this.#connections.size > this.limits.maxConnections) this.#closeLongestIdle(() => true);
  }

  #closeLongestIdle(isCandidate: (connection: Connection) => boolean): void {
    let longest: Connection | null = null;
    for (const connection of this.#connections)
      if (isCandidate(connection) && (longest === null || connection.idleSinceMs < longest.idleSinceMs))
        longest = connection;
    if (longest === null) return;
    this.forget(longest);
    longest.socket.destroy();
  }

  #closeOverdue(): void {
    const now = performance.now();
    for (const connection of this.#connections) if (connection.deadlineMs <= now) connection.socket.destroy();
  }
}
