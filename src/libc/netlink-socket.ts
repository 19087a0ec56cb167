import {
  AF_NETLINK,
  ENOBUFS,
  NETLINK_ADD_MEMBERSHIP,
  NETLINK_DROP_MEMBERSHIP,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
} from './constants.ts';
import { checked, isPassing, SystemCallError } from './errno.ts';
import type { Libc } from './libc.ts';

/** struct sockaddr_nl: family 2 | 2 | port 4 | groups 4. */
const SOCKADDR_NL_OCTETS = 12;

/** A socket to a part of the kernel, which tells the groups that it is in of what happens in this network namespace (netlink(7)). */
export class NetlinkSocket {
  readonly fd: number;
  readonly #libc: Libc;

  private constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.fd = fd;
  }

  /** `protocol`: the part of the kernel, one of NETLINK_*. The kernel may give a smaller receive buffer. Throws SystemCallError. */
  static open(libc: Libc, protocol: number, receiveBufferOctets: number): NetlinkSocket {
    const fd = checked(libc, 'socket', libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    try {
      const octets = int(receiveBufferOctets);
      if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, octets, 4) < 0)
        checked(libc, 'setsockopt', libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, octets, 4));
      // Without a port, which the kernel picks for 0, a socket is told nothing.
      const address = new Uint8Array(SOCKADDR_NL_OCTETS);
      address[0] = AF_NETLINK;
      checked(libc, 'bind', libc.bind(fd, address, address.length));
    } catch (error) {
      libc.close(fd);
      throw error;
    }
    return new NetlinkSocket(libc, fd);
  }

  /** Throws SystemCallError. */
  join(group: number): void {
    this.#set(NETLINK_ADD_MEMBERSHIP, group);
  }

  /** What came before can still be read. */
  leave(group: number): void {
    this.#set(NETLINK_DROP_MEMBERSHIP, group);
  }

  /**
   * Puts the next datagram there; gives its octets, 0 where none waits. 'lost': the buffer was full, and what comes behind all that waits
   * now is not what came next. Throws SystemCallError.
   */
  receive(into: Uint8Array): number | 'lost' {
    const octets = this.#libc.read(this.fd, into, into.length);
    if (octets >= 0) return octets;
    const errno = this.#libc.errno();
    if (isPassing(errno)) return 0;
    if (errno === ENOBUFS) return 'lost';
    throw new SystemCallError('read', errno);
  }

  /**
   * Sends a datagram to the kernel, in another thread: its parts may have to wait for a lock. Its replies can be read when this resolves. Rejects with
   * SystemCallError.
   */
  async send(datagram: Uint8Array): Promise<void> {
    const octets = await this.#libc.writeAside(this.fd, datagram, datagram.length);
    // The errno is that of another thread; this is what a full buffer, the only likely fault, would tell.
    if (octets !== datagram.length) throw new SystemCallError('write', ENOBUFS);
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #set(option: number, value: number): void {
    checked(this.#libc, 'setsockopt', this.#libc.setsockopt(this.fd, SOL_NETLINK, option, int(value), 4));
  }
}

/** A C int. */
const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
