import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { SharedPort, SharedPorts } from '#plugin/index.ts';
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

/** ms that connections have for one more query, to close behind its reply, where another instance may take over. */
const LEAVE_MS = 500;
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
  #left: Promise<void> | null = null;
  #ended: Promise<void> | null = null;
  #port = 0;
  #shared: SharedPort | null = null;

  private constructor(metrics: TcpMetrics, limits: TcpLimits) {
    this.limits = limits;
    this.#metrics = metrics;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#sweep = setInterval(() => this.#closeOverdue(), Math.min(500, limits.readMs / 2)).unref();
  }

  /** Listens, or rejects with the reason. What comes before `serve` waits for it. With `sharedPorts` another instance may have the port, too. */
  static async open(
    address: ListenAddress,
    metrics: TcpMetrics,
    limits: TcpLimits = TCP_LIMITS,
    sharedPorts?: SharedPorts,
  ): Promise<TcpListener> {
    const listener = new TcpListener(metrics, limits);
    try {
      await listener.#listen(address, sharedPorts);
    } catch (error) {
      clearInterval(listener.#sweep);
      throw listenError('tcp', address, error);
    }
    listener.#port = (listener.#server.address() as { port: number }).port;
    // No more file descriptors: as where there are too many connections, the one that has been idle longest makes room.
    listener.#server.on('error', () => firstIdle(listener.#connections)?.destroy('limit'));
    metrics.add(listener);
    return listener;
  }

  async #listen({ host, port }: ListenAddress, sharedPorts: SharedPorts | undefined): Promise<void> {
    const server = this.#server;
    if (sharedPorts !== undefined) this.#shared = await sharedPorts.listen(server, host, port);
    else {
      server.listen({ ...(host === '' ? {} : { host, ipv6Only: true }), port, exclusive: true });
      await once(server, 'listening');
    }
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
    const isFirst = this.group === null;
    this.group = group;
    if (isFirst) for (const connection of this.#connections) connection.begin();
  }

  leave(): Promise<void> {
    this.#left ??= this.#shared?.leave() ?? Promise.resolve();
    return this.#left;
  }

  async retire(): Promise<void> {
    await this.leave();
    // Connections that the kernel has made, and what clients have sent over them, count as taken.
    await quietTurn(() => [...this.#connections].reduce((sum, { bytesRead }) => sum + bytesRead, this.#stamp));
    const ended = this.#endServer();
    if (this.#shared !== null) {
      for (const connection of this.#connections) connection.leave();
      await Promise.race([ended, delay(LEAVE_MS, undefined, { ref: false })]);
    }
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
