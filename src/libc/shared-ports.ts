import { connect, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Place } from './bound-socket.ts';
import { EADDRINUSE } from './constants.ts';
import { SystemCallError } from './errno.ts';
import type { Libc } from './libc.ts';
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
   * made: what is then accepted was the last, and closing resets none. Never rejects. Alone it changes nothing.
   *
   * Closing a listening socket resets what it has not accepted (but with net.ipv4.tcp_migrate_req), so connections have to be steered away
   * before. Of the sockets of an address one is this process's: either the first is another's, or, if there is another one, the second is.
   * Steering is not undone, as this socket would have its share again: it ends with the other's own way out, which finds its successor
   * the same way, and meanwhile a number that nobody has any more leaves the choice to the kernel.
   */
  async leave(): Promise<void> {
    try {
      for (const number of [0, 1]) {
        if (!this.#server.listening) return;
        this.#socket.steerTo(number);
        if ((await this.#whoAnswers()) === 'another') {
          await delay(SETTLES_MS);
          return;
        }
      }
      // Whoever was in a hurry may have closed it meanwhile, and the descriptor be another's.
      if (this.#server.listening) this.#socket.steerNoMore();
    } catch (error) {
      // Without steering it is closed as it would be without another instance.
      if (!(error instanceof SystemCallError)) throw error;
    }
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

  /** From loopback, which the rules of a node-local cache leave alone; not to a link-local address, which can't be reached from there. */
  #target(): { readonly host: string; readonly port: number; readonly localAddress?: string } {
    const { host, port } = this.#place;
    const { family } = this.#server.address() as { readonly family: string };
    const loopback = family === 'IPv6' ? '::1' : '127.0.0.1';
    if (host === '' || host === '0.0.0.0' || host === '::') return { host: loopback, port, localAddress: loopback };
    return host.includes('%') ? { host, port } : { host, port, localAddress: loopback };
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
