import { createServer, type Server, type Socket } from 'node:net';
import type { ServerGroup } from '../server-group.ts';
import { type ListenAddress, type Listener, listenError } from './listener.ts';
import { quietTurn } from './quiet-turn.ts';
import { Connection, type ConnectionOwner, type TcpLimits } from './tcp-connection.ts';
import type { TcpMetrics, TcpState } from './tcp-metrics.ts';

export const TCP_LIMITS: TcpLimits = {
  readMs: 3000,
  idleMs: 10_000,
  maxConnections: 5000,
  maxConnectionsPerClient: 128,
  maxInFlight: 256,
  maxInFlightOfAll: 10_000,
  maxUnsentOctets: 1024 * 1024,
  maxUnsentOctetsOfAll: 64 * 1024 * 1024,
  maxQueryOctetsOfAll: 16 * 1024 * 1024,
};

/** ms that replies have to leave in when the listener is closed: a client that does not read must not keep it open. */
const CLOSE_MS = 500;

/** DNS over TCP on one address. */
export class TcpListener implements Listener, ConnectionOwner, TcpState {
  readonly limits: TcpLimits;
  group: ServerGroup | null = null;
  inFlight = 0;
  unsentOctets = 0;
  queryOctets = 0;
  readonly #server: Server;
  readonly #metrics: TcpMetrics;
  /** The one that has been idle longest, or has a query on its way since longest, comes first. */
  readonly #connections = new Set<Connection>();
  readonly #perClient = new Map<string, Set<Connection>>();
  readonly #sweep: NodeJS.Timeout;
  /** Grows with every connection and every query. */
  #stamp = 0;
  #ended: Promise<void> | null = null;
  #port = 0;

  private constructor(metrics: TcpMetrics, limits: TcpLimits) {
    this.limits = limits;
    this.#metrics = metrics;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#sweep = setInterval(() => this.#closeOverdue(), Math.min(500, limits.readMs / 2)).unref();
  }

  /** Binds, or rejects with the reason. */
  static open(address: ListenAddress, metrics: TcpMetrics, limits: TcpLimits = TCP_LIMITS): Promise<TcpListener> {
    const listener = new TcpListener(metrics, limits);
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
          // No more file descriptors: as where there are too many connections, the one that has been idle longest makes room.
          listener.#server.on('error', () => firstIdle(listener.#connections)?.destroy('limit'));
          metrics.add(listener);
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

  get bufferedOctets(): number {
    return this.unsentOctets + this.queryOctets;
  }

  serve(group: ServerGroup): void {
    this.group = group;
  }

  async retire(): Promise<void> {
    // Connections that the kernel has made, and what clients have sent over them, count as taken.
    await quietTurn(() => [...this.#connections].reduce((sum, { bytesRead }) => sum + bytesRead, this.#stamp));
    this.#endServer();
    for (const connection of this.#connections) connection.retire();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const closed = this.#endServer();
    for (const connection of this.#connections) connection.finish('stop');
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy('stop');
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
    this.#metrics.remove(this);
  }

  #endServer(): Promise<void> {
    this.#ended ??= new Promise<void>((resolve) => this.#server.close(() => resolve()));
    return this.#ended;
  }

  touch(connection: Connection): void {
    const isNewest = connection.stamp === this.#stamp;
    connection.stamp = ++this.#stamp;
    // A Set keeps the order in which it was filled.
    if (!isNewest && this.#connections.delete(connection)) this.#connections.add(connection);
  }

  forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const ofClient = this.#perClient.get(connection.client);
    ofClient?.delete(connection);
    if (ofClient?.size === 0) this.#perClient.delete(connection.client);
    this.#metrics.closed(connection.reason);
  }

  #accept(socket: Socket): void {
    // The client is gone already: there is nobody to count it for.
    if (socket.remoteAddress === undefined) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    const connection = new Connection(socket, this);
    connection.stamp = ++this.#stamp;
    this.#metrics.accepted.add();
    const ofClient = this.#perClient.get(connection.client) ?? new Set();
    this.#perClient.set(connection.client, ofClient.add(connection));
    this.#connections.add(connection);
    const { maxConnections, maxConnectionsPerClient } = this.limits;
    if (ofClient.size > maxConnectionsPerClient) longestIdle(ofClient)?.destroy('client_limit');
    else if (this.#connections.size > maxConnections) firstIdle(this.#connections)?.destroy('limit');
  }

  #closeOverdue(): void {
    const nowMs = performance.now();
    for (const connection of this.#connections) {
      const reason = connection.overdue(nowMs);
      if (reason !== null) connection.destroy(reason);
    }
  }
}

/** The new one is idle too: where all others are busy it is the one. */
const firstIdle = (connections: Iterable<Connection>): Connection | null => {
  for (const connection of connections) if (!connection.isBusy) return connection;
  return null;
};

const longestIdle = (connections: Iterable<Connection>): Connection | null => {
  let longest: Connection | null = null;
  for (const connection of connections)
    if (!connection.isBusy && (longest === null || connection.stamp < longest.stamp)) longest = connection;
  return longest;
};
