import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import {
  AF_INET,
  AF_INET6,
  EAGAIN,
  EINTR,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from '#libc/constants.ts';
import { checked, isPassing, SystemCallError } from '#libc/errno.ts';
import { type Libc, loadLibc, NoLibc } from '#libc/libc.ts';
import { MessageHeaders } from '#libc/message-headers.ts';
import { PollSet } from '#libc/poll-set.ts';
import { socketAddress } from '#libc/socket-address.ts';
import type { Endpoint } from './endpoint.ts';
import { localText, type OpenLink, openDgramLink, type UdpLink, type UdpLinkEvents } from './udp-link.ts';

/** Datagrams of one system call. */
const MOST_SENT = 64;
const MOST_RECEIVED = 16;
/** Room for the largest datagram. Of a slot only the pages that are written to take memory. */
const SLOT_OCTETS = 65_536;
/** System calls that read one socket in a turn: an upstream that floods us must not keep us from all else. */
const MOST_READS = 16;
/** How long a socket waits whose send buffer is full. */
const FULL_PAUSE_MS = 1;

/**
 * Links that send and receive together: what is asked in one turn of the event loop leaves at its end, by one system call a socket, and
 * with the first reply of a turn those that wait in the other sockets are taken as well. Node.js watches the sockets and reads that first
 * reply, so no thread is needed, and with few queries it costs no more than dgram alone.
 */
export class UdpBatch {
  readonly #libc: Libc;
  readonly #sending: MessageHeaders;
  readonly #sent = Buffer.from(new ArrayBuffer(2 * SLOT_OCTETS));
  readonly #sentAt: number;
  readonly #receiving: MessageHeaders;
  readonly #slots: readonly Buffer[];
  readonly #links: BatchLink[] = [];
  /** What `poll` is asked, for these links; null where links have come or gone since. */
  #poll: PollSet | null = null;
  #polled: readonly BatchLink[] = [];
  #waiting: BatchLink[] = [];
  #isTurnWatched = false;
  #isDrained = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#sending = new MessageHeaders(libc, MOST_SENT);
    this.#sentAt = libc.addressOf(this.#sent);
    this.#receiving = new MessageHeaders(libc, MOST_RECEIVED);
    const received = Buffer.from(new ArrayBuffer(MOST_RECEIVED * SLOT_OCTETS));
    const receivedAt = libc.addressOf(received);
    this.#slots = Array.from({ length: MOST_RECEIVED }, (_, i) =>
      received.subarray(i * SLOT_OCTETS, (i + 1) * SLOT_OCTETS),
    );
    for (let i = 0; i < MOST_RECEIVED; i++) this.#receiving.setData(i, receivedAt + i * SLOT_OCTETS, SLOT_OCTETS);
  }

  /** Opens one more link. */
  readonly open: OpenLink = (endpoint, events) => new BatchLink(this, this.#libc, endpoint, events);

  add(link: BatchLink): void {
    this.#links.push(link);
    this.#poll = null;
  }

  remove(link: BatchLink): void {
    this.#links.splice(this.#links.indexOf(link), 1);
    this.#poll = null;
  }

  /** `link` has something to send. */
  schedule(link: BatchLink): void {
    this.#waiting.push(link);
    this.#watchTurn();
  }

  /** Takes what waits in all links, the first time that it is called in a turn. */
  drain(): void {
    if (this.#isDrained) return;
    this.#isDrained = true;
    this.#watchTurn();
    const poll = this.#poll ?? this.#arm();
    const links = this.#polled;
    let left = poll.wait(0);
    for (let i = 0; left > 0 && i < links.length; i++) {
      if (!poll.isReady(i)) continue;
      left--;
      this.#receive(links[i] as BatchLink);
    }
  }

  #arm(): PollSet {
    this.#polled = [...this.#links];
    this.#poll = new PollSet(
      this.#libc,
      this.#polled.map(({ fd }) => fd),
    );
    return this.#poll;
  }

  /** A reply may make its link close, and the link's number may be another's then. */
  #receive(link: BatchLink): void {
    const headers = this.#receiving;
    for (let reads = 0; reads < MOST_READS && !link.isClosed; reads++) {
      const count = this.#libc.recvmmsg(link.fd, headers.address, MOST_RECEIVED, MSG_DONTWAIT, 0);
      if (count < 0) {
        const errno = this.#libc.errno();
        if (!isPassing(errno)) link.events.failed(new SystemCallError('recvmmsg', errno));
        return;
      }
      for (let i = 0; i < count && !link.isClosed; i++)
        link.events.message((this.#slots[i] as Buffer).subarray(0, headers.length(i)));
      if (count < MOST_RECEIVED) return;
    }
  }

  #watchTurn(): void {
    if (this.#isTurnWatched) return;
    this.#isTurnWatched = true;
    setImmediate(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#isTurnWatched = false;
    this.#isDrained = false;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const link of waiting) this.#flush(link);
  };

  /** Sends what a link has. What the kernel has no room for stays, and is tried again. */
  #flush(link: BatchLink): void {
    const messages = link.takePending();
    let at = 0;
    while (at < messages.length && !link.isClosed) {
      const count = this.#stage(messages, at);
      const sent = this.#libc.sendmmsg(link.fd, this.#sending.address, count, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) at += sent;
      else if (sent < 0) {
        const errno = this.#libc.errno();
        if (errno === EINTR) continue;
        if (errno !== EAGAIN) {
          link.events.failed(new SystemCallError('send', errno));
          return;
        }
        const rest = messages.slice(at);
        setTimeout(() => link.sendAgain(rest), FULL_PAUSE_MS).unref();
        return;
      }
    }
  }

  /** Lays messages from `from` on out for one call; gives how many fit. */
  #stage(messages: readonly Buffer[], from: number): number {
    let end = 0;
    let count = 0;
    while (count < MOST_SENT && from + count < messages.length) {
      const message = messages[from + count] as Buffer;
      if (end + message.length > this.#sent.length) break;
      this.#sent.set(message, end);
      this.#sending.setData(count++, this.#sentAt + end, message.length);
      end += message.length;
    }
    return count;
  }
}

/** One socket, made by system calls so that its number is known, and then watched by dgram. */
class BatchLink implements UdpLink {
  readonly fd: number;
  readonly events: UdpLinkEvents;
  readonly #batch: UdpBatch;
  readonly #socket: Socket | null = null;
  #pending: Buffer[] = [];
  isClosed = false;

  constructor(batch: UdpBatch, libc: Libc, endpoint: Endpoint, events: UdpLinkEvents) {
    this.#batch = batch;
    this.events = events;
    let fd = -1;
    try {
      fd = connectedSocket(libc, endpoint);
      this.#socket = watch(libc, fd, endpoint);
      this.#socket.on('message', (bytes) => {
        events.message(bytes);
        batch.drain();
      });
      this.#socket.on('error', (error) => events.failed(error));
      batch.add(this);
    } catch (error) {
      this.isClosed = true;
      setImmediate(() => events.failed(error as Error));
    }
    this.fd = fd;
  }

  get local(): string {
    return this.#socket === null ? '?' : localText(this.#socket);
  }

  send(message: Buffer): void {
    if (this.isClosed) return;
    if (this.#pending.push(message) === 1) this.#batch.schedule(this);
  }

  sendAgain(messages: readonly Buffer[]): void {
    for (const message of messages) this.send(message);
  }

  /** What is to be sent. */
  takePending(): Buffer[] {
    const pending = this.#pending;
    this.#pending = [];
    return pending;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#pending = [];
    this.#batch.remove(this);
    this.#socket?.close();
  }
}

const connectedSocket = (libc: Libc, { host, port, sourceAddress }: Endpoint): number => {
  const family = isIPv6(host) ? 6 : 4;
  const domain = family === 6 ? AF_INET6 : AF_INET;
  const fd = checked(libc, 'socket', libc.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  try {
    if (sourceAddress !== null) {
      const source = socketAddress(sourceAddress, 0, family);
      checked(libc, 'bind', libc.bind(fd, source, source.length));
    }
    const remote = socketAddress(host, port, family);
    checked(libc, 'connect', libc.connect(fd, remote, remote.length));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
};

/** Has dgram watch a connected socket, which is dgram's to close from here on. */
const watch = (libc: Libc, fd: number, { host }: Endpoint): Socket => {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  try {
    socket.bind({ fd, exclusive: true });
  } catch (error) {
    socket.close();
    libc.close(fd);
    throw error;
  }
  try {
    // It lets others share the port of a socket that it is given.
    checked(libc, 'setsockopt', libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Uint8Array(4), 4));
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
};

/** The process's: a turn's links are polled together, whoever they belong to, and its memory is needed once. */
let shared: UdpBatch | null = null;

/** The way to open links here: by batches where the system calls can be had, else by dgram. */
export const chooseLinks = async (): Promise<OpenLink> => {
  try {
    const libc = await loadLibc();
    shared ??= new UdpBatch(libc);
    return shared.open;
  } catch (error) {
    if (error instanceof NoLibc) return openDgramLink;
    throw error;
  }
};
