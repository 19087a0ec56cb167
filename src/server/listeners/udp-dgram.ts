import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { addressFromText } from '#dns/address.ts';
import type { Libc } from '#libc/libc.ts';
import { UdpSocket } from '#libc/udp-socket.ts';
import type { Peer } from '#plugin/index.ts';
import type { ReplySink, ServerGroup } from '../server-group.ts';
import { LimitKeeper } from '../source-limit/limit-keeper.ts';
import { SourceLimiter } from '../source-limit/source-limiter.ts';
import { TRUNCATED_OCTETS } from '../source-limit/truncated-reply.ts';
import type { DgramQueries } from './dgram-queries.ts';
import { type ListenAddress, type Listener, listenError } from './listener.ts';
import { quietTurn } from './quiet-turn.ts';

/** How often a wildcard listener looks for addresses that came or went. */
const ADDRESS_CHECK_MS = 5000;
const RECEIVE_BUFFER_OCTETS = 4 * 1024 * 1024;
/** A datagram that was on its way into a socket while new ones were turned away has arrived by then. */
const SETTLES_MS = 50;

/** Sends over the socket that was asked, so the reply leaves from the address that the query went to. */
class UdpSink implements ReplySink {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #address: string;
  readonly #queries: DgramQueries;
  constructor(socket: Socket, port: number, address: string, queries: DgramQueries) {
    this.#socket = socket;
    this.#port = port;
    this.#address = address;
    this.#queries = queries;
  }
  send(message: Buffer): void {
    sendTo(this.#socket, message, this.#port, this.#address);
    this.#queries.done();
  }
  none(): void {
    this.#queries.done();
  }
}

/** A peer that cannot be reached, or a socket that is closed by now, is the peer's loss and no fault of ours. */
const sendTo = (socket: Socket, message: Buffer, port: number, address: string): void => {
  try {
    socket.send(message, 0, message.length, port, address);
  } catch (error) {
    if (
      (error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING' &&
      (error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_BAD_PORT'
    )
      throw error;
  }
};

const ignoreFailure = (): void => undefined;

/** One bound socket. */
class BoundSocket {
  readonly socket: Socket;
  readonly #family: 4 | 6;
  #local = { address: '', port: 0 };
  readonly #queries: DgramQueries;
  group: ServerGroup | null = null;
  limiter: SourceLimiter | null = null;
  /** Messages that have come. */
  received = 0;
  /** The same socket where another instance may have the address, too. */
  #shared: UdpSocket | null = null;
  #isReading = false;

  constructor(host: string, queries: DgramQueries) {
    this.#queries = queries;
    this.#family = isIPv6(host) ? 6 : 4;
    // The address is a number already: looking it up again costs a tenth of a reply.
    this.socket = createSocket({
      ...(this.#family === 6 ? { type: 'udp6', ipv6Only: true } : { type: 'udp4' }),
      lookup: (address, _options, done) => done(null, address, this.#family),
    });
    this.socket.on('message', (bytes, remote) => this.#message(bytes, remote));
  }

  get port(): number {
    return this.#local.port;
  }

  bind(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('error', reject);
      this.socket.bind({ address: host, port, exclusive: true }, () => {
        this.socket.off('error', reject);
        this.#begin();
        growReceiveBuffer(this.socket);
        resolve();
      });
    });
  }

  /** Binds so that another instance may have the address, too. What comes before `read` waits in the socket. */
  bindShared(libc: Libc, host: string, port: number): void {
    this.#shared = UdpSocket.open(libc, { host, port, receiveBufferOctets: RECEIVE_BUFFER_OCTETS });
    this.#local = { address: host, port: this.#shared.port };
  }

  /** Begins to read where that was put off; `group` must be there. */
  read(): void {
    if (this.#shared === null || this.#isReading) return;
    this.socket.bind({ fd: this.#shared.fd });
    this.#shared.keepToUser();
    this.#begin();
  }

  /** Leaves what comes from now on to another instance, where that may have the address. */
  refuse(): void {
    this.#shared?.refuse();
  }

  close(): Promise<void> {
    if (!this.#isReading) this.#shared?.close();
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  #begin(): void {
    this.#isReading = true;
    this.socket.on('error', ignoreFailure);
    this.#local = this.socket.address();
  }

  #message(bytes: Buffer, remote: RemoteInfo): void {
    const { group } = this;
    this.received++;
    if (group === null) return;
    const queries = this.#queries;
    queries.count('received');
    if (this.limiter !== null && !this.#isAdmitted(this.limiter, bytes, remote)) return;
    const known = group.recall(bytes, this.#family === 6, false);
    if (known !== null) {
      queries.count('remembered');
      sendTo(this.socket, known, remote.port, remote.address);
      return;
    }
    if (!queries.take()) return;
    const peer: Peer = {
      address: remote.address,
      port: remote.port,
      family: this.#family,
      localAddress: this.#local.address,
      localPort: this.#local.port,
    };
    group.handle(bytes, peer, 'udp', new UdpSink(this.socket, remote.port, remote.address, queries));
  }

  #isAdmitted(limiter: SourceLimiter, bytes: Buffer, { address, port }: RemoteInfo): boolean {
    const octets = addressFromText(address.split('%', 1)[0] as string);
    limiter.begin(this.#queries.services.clock.monotonicMs());
    if (octets === null || limiter.admits(octets, 0, octets.length)) return true;
    this.#queries.count('limited');
    const reply = Buffer.alloc(TRUNCATED_OCTETS);
    const length = limiter.refuse(bytes, bytes.length, reply, 0);
    if (length > 0) sendTo(this.socket, reply.subarray(0, length), port, address);
    return false;
  }
}

/** The kernel may cap it; a small buffer only means that bursts are dropped earlier. */
const growReceiveBuffer = (socket: Socket): void => {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_OCTETS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_BUFFER_SIZE') throw error;
  }
};

/** Addresses of this machine, loopback included; link-local IPv6 with its zone. */
export const localAddresses = (): string[] => {
  const found = new Set<string>();
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const { address, family, scopeid } of addresses ?? [])
      found.add(family === 'IPv6' && scopeid ? `${address}%${name}` : address);
  return [...found];
};

export interface DgramOptions {
  /** Lists this machine's addresses. */
  readonly addresses?: () => string[];
  /** Given where another instance may have the addresses, too: dgram has no way to SO_REUSEPORT in Node.js 20. */
  readonly libc?: Libc | null;
}

/**
 * UDP by `node:dgram`. For all addresses ('' as host) it binds each local address by itself: dgram has no IP_PKTINFO, and a reply
 * must leave from the address that was asked. Addresses that come or go are followed.
 */
export class UdpDgramListener implements Listener {
  readonly #addresses: () => string[];
  readonly #libc: Libc | null;
  readonly #sockets = new Map<string, BoundSocket>();
  readonly #queries: DgramQueries;
  readonly #limit: LimitKeeper;
  #limiter: SourceLimiter | null = null;
  #group: ServerGroup | null = null;
  #timer: NodeJS.Timeout | null = null;
  #port: number;
  #isRetired = false;

  private constructor(
    address: ListenAddress,
    queries: DgramQueries,
    { addresses = localAddresses, libc }: DgramOptions,
  ) {
    this.#queries = queries;
    this.#limit = new LimitKeeper(queries.services);
    this.#addresses = addresses;
    this.#libc = libc ?? null;
    this.#port = address.port;
  }

  /** Binds, or rejects with the reason. */
  static async open(
    address: ListenAddress,
    queries: DgramQueries,
    options: DgramOptions = {},
  ): Promise<UdpDgramListener> {
    const listener = new UdpDgramListener(address, queries, options);
    try {
      if (address.host !== '') await listener.#bind(address.host);
      else {
        for (const host of listener.#addresses()) await listener.#bind(host);
        // Without a free descriptor the addresses can't be listed; the next look tries again.
        const follow = (): void => void listener.#follow().catch(ignoreFailure);
        listener.#timer = setInterval(follow, ADDRESS_CHECK_MS).unref();
      }
    } catch (error) {
      await listener.close();
      throw listenError('udp', address, error);
    }
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  serve(group: ServerGroup): void {
    this.#group = group;
    if (this.#limit.change(group.sourceLimit, group.label)) {
      const { current } = this.#limit;
      this.#limiter = current === null ? null : new SourceLimiter(current, this.#queries.sheet);
    }
    for (const bound of this.#sockets.values()) this.#hand(bound);
  }

  /** dgram by itself has no way to refuse what comes later: it is answered as far as it is until `close`. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    if (this.#libc !== null) {
      for (const bound of this.#sockets.values()) bound.refuse();
      await delay(SETTLES_MS);
    }
    await this.#readAll();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#isRetired) await this.#readAll();
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    await Promise.all(sockets.map((bound) => bound.close()));
  }

  #readAll(): Promise<void> {
    return quietTurn(() => [...this.#sockets.values()].reduce((sum, { received }) => sum + received, 0));
  }

  async #bind(host: string): Promise<void> {
    const bound = new BoundSocket(host, this.#queries);
    try {
      if (this.#libc === null) await bound.bind(host, this.#port);
      else bound.bindShared(this.#libc, host, this.#port);
    } catch (error) {
      await bound.close();
      throw error;
    }
    this.#port = bound.port;
    this.#hand(bound);
    this.#sockets.set(host, bound);
  }

  #hand(bound: BoundSocket): void {
    bound.group = this.#group;
    bound.limiter = this.#limiter;
    if (this.#group !== null) bound.read();
  }

  async #follow(): Promise<void> {
    const present = new Set(this.#addresses());
    for (const [host, bound] of this.#sockets) {
      if (present.has(host)) continue;
      this.#sockets.delete(host);
      await bound.close();
    }
    for (const host of present) {
      // An address that is just being set up (IPv6 duplicate address detection) refuses for now; the next look tries again.
      if (!this.#sockets.has(host)) await this.#bind(host).catch(ignoreFailure);
    }
  }
}
