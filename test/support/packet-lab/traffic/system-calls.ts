import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  NETLINK_NETFILTER,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from '#libc/constants.ts';
import { checked, SystemCallError } from '#libc/errno.ts';
import { type Libc, loadLibc } from '#libc/libc.ts';
import { socketAddress } from '#libc/socket-address.ts';
import type { Flow, Listener, Protocol } from './orders.ts';

/** Linux's numbers for what no other part of the project needs. */
const SOCK_STREAM = 1;
const SO_ERROR = 4;
const SO_LINGER = 13;
const CLONE_NEWNET = 0x40000000;
const EINPROGRESS = 115;
const BACKLOG = 1024;

const family = (address: string): 4 | 6 => (address.includes(':') ? 6 : 4);

/** A netlink message that asks conntrack to delete, with no word of what: linux/netfilter/nfnetlink_conntrack.h. All fields in the machine's order. */
const FORGET_CONNECTIONS = Uint8Array.of(20, 0, 0, 0, 2, 1, 5, 0, ...new Uint8Array(12));
/** Where its answer has the error, an int32. */
const ERROR_AT = 16;

/**
 * Opens sockets in network namespaces from one thread: a socket stays in the namespace that its thread was in when it was made, so the
 * thread goes there for that moment. A process for each namespace would take 40 MB and some 50 ms of CPU each.
 */
export class NamespaceSockets {
  readonly #libc: Libc;
  readonly #setns: (fd: number, type: number) => number;
  readonly #listen: (fd: number, backlog: number) => number;
  readonly #namespaces = new Map<string, number>();
  #current = '';

  private constructor(libc: Libc) {
    this.#libc = libc;
    const library = koffi.load(null);
    this.#setns = library.func('int setns(int, int)');
    this.#listen = library.func('int listen(int, int)');
  }

  static async open(): Promise<NamespaceSockets> {
    return new NamespaceSockets(await loadLibc());
  }

  /** Takes this thread into the namespace. */
  enter(namespace: string): void {
    if (this.#current === namespace) return;
    let fd = this.#namespaces.get(namespace);
    if (fd === undefined) {
      fd = openSync(`/run/netns/${namespace}`, 'r');
      this.#namespaces.set(namespace, fd);
    }
    checked(this.#libc, 'setns', this.#setns(fd, CLONE_NEWNET));
    this.#current = namespace;
  }

  /** A bound socket, which for TCP listens. */
  listener({ namespace, address, port, protocol }: Listener): number {
    return this.#socket(namespace, address, protocol, (fd) => {
      this.#set(fd, SOL_SOCKET, SO_REUSEADDR, [1]);
      this.#bind(fd, address, port);
      if (protocol === 'tcp') checked(this.#libc, 'listen', this.#listen(fd, BACKLOG));
    });
  }

  /** A socket that is connected, or about to be; closing it resets the connection, so that no port is kept back. */
  connected({ namespace, from, to, port, protocol }: Flow): number {
    return this.#socket(namespace, from, protocol, (fd) => {
      if (protocol === 'tcp') this.#set(fd, SOL_SOCKET, SO_LINGER, [1, 0]);
      this.#bind(fd, from, 0);
      const address = socketAddress(to, port, family(to));
      const result = this.#libc.connect(fd, address, address.length);
      const errno = result < 0 ? this.#libc.errno() : 0;
      if (errno !== 0 && errno !== EINPROGRESS) throw new SystemCallError('connect', errno);
      // Between namespaces a packet gets there, and what it causes comes back, within the call. The socket is locked meanwhile, and keeps an
      // error for whoever asks; without asking it is only told when the SYN has been sent again, a second later.
      const pending = this.#pendingError(fd);
      if (pending !== 0) throw new SystemCallError('connect', pending);
    });
  }

  /** Sends a datagram on a connected socket. */
  send(fd: number, octets: Uint8Array): void {
    checked(this.#libc, 'write', this.#libc.write(fd, octets, octets.length));
  }

  /** As `conntrack -F` does, without a process. */
  forgetConnections(namespace: string): void {
    this.enter(namespace);
    const fd = checked(this.#libc, 'socket', this.#libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    try {
      checked(this.#libc, 'write', this.#libc.write(fd, FORGET_CONNECTIONS, FORGET_CONNECTIONS.length));
      const answer = new Uint8Array(64);
      checked(this.#libc, 'read', this.#libc.read(fd, answer, answer.length));
      const error = new DataView(answer.buffer).getInt32(ERROR_AT, true);
      if (error !== 0) throw new SystemCallError('netlink', -error);
    } finally {
      this.#libc.close(fd);
    }
  }

  /** Lets go of the namespaces; sockets that are open stay. */
  close(): void {
    for (const fd of this.#namespaces.values()) closeSync(fd);
    this.#namespaces.clear();
    this.#current = '';
  }

  #socket(namespace: string, address: string, protocol: Protocol, prepare: (fd: number) => void): number {
    this.enter(namespace);
    const domain = family(address) === 6 ? AF_INET6 : AF_INET;
    const type = (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = checked(this.#libc, 'socket', this.#libc.socket(domain, type, 0));
    try {
      prepare(fd);
      return fd;
    } catch (error) {
      this.#libc.close(fd);
      throw error;
    }
  }

  #set(fd: number, level: number, option: number, words: readonly number[]): void {
    const value = new Uint8Array(Int32Array.from(words).buffer);
    checked(this.#libc, 'setsockopt', this.#libc.setsockopt(fd, level, option, value, value.length));
  }

  #pendingError(fd: number): number {
    const value = new Uint32Array(1);
    checked(
      this.#libc,
      'getsockopt',
      this.#libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, Uint32Array.of(value.byteLength)),
    );
    return value[0] as number;
  }

  #bind(fd: number, host: string, port: number): void {
    const address = socketAddress(host, port, family(host));
    checked(this.#libc, 'bind', this.#libc.bind(fd, address, address.length));
  }
}
