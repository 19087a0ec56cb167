import { connect, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from './bound-socket.ts';
import { EADDRINUSE } from './constants.ts';
import { SystemCallError } from './errno.ts';
import type { Libc } from './libc.ts';
import { listenersBeside } from './listeners-beside.ts';
import { TcpSocket } from './tcp-socket.ts';

/** ms that whoever has a port may take to answer a connection before it counts as one that hangs. */
const ANSWER_MS = 2000;
/** ms in which a connection that was begun before the others were steered away is made: a round trip to the client. */
const SETTLES_MS = 200;

/** TCP ports of this process that another instance of the program, of the same user, may have at the same time. */
export class SharedPorts {
  readonly #libc: Libc;
  /** Within the process a port is had once: two servers that share one would each get what is for the other. */
  readonly #places = new Set<string>();

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Has a server listen there. Rejects with an error that has the system's word as its `code`. */
  async listen(server: Server, host: string, port: number): Promise<SharedPort> {
    const key = `${host} ${port}`;
    if (port !== 0 && this.#places.has(key)) throw new SystemCallError('bind', EADDRINUSE);
    const socket = TcpSocket.open(this.#libc, { host, port });
    const place = `${host} ${socket.port}`;
    this.#places.add(place);
    server.once('close', () => this.#places.delete(place));
    try {
      await listenOn(server, socket);
    } catch (error) {
      this.#places.delete(place);
      throw error;
    }
    return new SharedPort(server, socket, host);
  }
}

const listenOn = (server: Server, { fd }: TcpSocket): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    // From here on the descriptor is the server's, which closes it in any case.
    server.listen({ fd }, () => {
      server.off('error', reject);
      resolve();
    });
  });

/** A port that a server listens on. */
export class SharedPort {
  readonly #server: Server;
  readonly #socket: TcpSocket;
  readonly #place: Place;

  constructor(server: Server, socket: TcpSocket, host: string) {
    this.#server = server;
    this.#socket = socket;
    this.#place = { host, port: socket.port };
  }

  /**
   * Leads new connections to another instance, where one has the port too and answers, and resolves once those that were begun before are
   * made: what is then accepted was the last, and closing resets none. Never rejects. Alone it does nothing. To be called while packets to
   * the address still come here: before rules send them elsewhere.
   *
   * Closing a listening socket resets what it has not accepted (but with net.ipv4.tcp_migrate_req), so connections have to be steered away
   * before. The kernel does not tell which number is whose, so each is tried. Who answers may be a third, as rules can send a connection to
   * another machine: only where one number was seen to be this process's is another one another instance's.
   * Steering is not undone, as this socket would have its share again: it ends with the other's own way out, which finds its successor
   * the same way, and meanwhile a number that nobody has any more leaves the choice to the kernel.
   */
  async leave(): Promise<void> {
    try {
      const others = this.#server.listening ? await this.#others() : 0;
      if (others === 0) return;
      const another = await this.#anotherOf(others + 1);
      // Whoever was in a hurry may have closed it meanwhile, and the descriptor be another's.
      if (!this.#server.listening) return;
      if (another === null) {
        this.#socket.steerNoMore();
        return;
      }
      this.#socket.steerTo(another);
      await delay(SETTLES_MS);
    } catch (error) {
      // Without steering it is closed as it would be without another instance.
      if (!(error instanceof SystemCallError)) throw error;
    }
  }

  /** How many others listen there; where the kernel does not say there may be one. */
  #others(): Promise<number> {
    return listenersBeside(this.#socket.fd, this.#family).catch(() => 1);
  }

  /** The number of another instance that answers, among so many sockets; null where none does. */
  async #anotherOf(count: number): Promise<number | null> {
    let another: number | null = null;
    let isOwnSeen = false;
    for (let number = 0; number < count && !(isOwnSeen && another !== null); number++) {
      if (!this.#server.listening) return null;
      this.#socket.steerTo(number);
      const who = await this.#whoAnswers();
      if (who === 'this') isOwnSeen = true;
      else if (who === 'another') another ??= number;
    }
    return isOwnSeen ? another : null;
  }

  /** Makes a connection and ends it. Who answers that has accepted it, so it was seen here by then if it came here. */
  async #whoAnswers(): Promise<'this' | 'another' | 'nobody'> {
    const seen = new Set<string>();
    const note = (remote: Remote | undefined): void => void seen.add(sourceText(remote));
    // Before whoever might close it; one that is too much is not told as a connection.
    this.#server.prependListener('connection', note);
    this.#server.on('drop', note);
    const probe = connect({ ...this.#target(), allowHalfOpen: true });
    try {
      const source = await answered(probe);
      if (source === null) return 'nobody';
      return seen.has(source) ? 'this' : 'another';
    } finally {
      this.#server.off('connection', note);
      this.#server.off('drop', note);
      probe.destroy();
    }
  }

  /** The kernel takes the address itself as the source: what comes to 127.0.0.1 past conntrack, kubelet's and kube-proxy's rules drop. */
  #target(): { readonly host: string; readonly port: number } {
    const { host, port } = this.#place;
    if (host === '::') return { host: '::1', port };
    return { host: host === '' || host === '0.0.0.0' ? '127.0.0.1' : host, port };
  }

  get #family(): 4 | 6 {
    const { family } = this.#server.address() as { readonly family: string };
    return family === 'IPv6' ? 6 : 4;
  }
}

/** Ends a connection once it is made, and resolves once the other side has ended it too: to where it came from, or null. */
const answered = (probe: Socket): Promise<string | null> =>
  new Promise((resolve) => {
    let source: string | null = null;
    const finish = (result: string | null): void => {
      clearTimeout(timer);
      resolve(result);
    };
    const timer = setTimeout(() => finish(null), ANSWER_MS);
    probe.on('connect', () => {
      source = sourceText({ remoteAddress: probe.localAddress, remotePort: probe.localPort });
      probe.end();
      probe.resume();
    });
    probe.on('end', () => finish(source));
    probe.on('error', () => finish(null));
  });

interface Remote {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

const sourceText = (remote: Remote | undefined): string =>
  `${remote?.remoteAddress?.replace(/^::ffff:/, '')} ${remote?.remotePort}`;
