import {
  AF_INET,
  AF_INET6,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_VARS,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_DETACH_REUSEPORT_BPF,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
} from './constants.ts';
import { checked, SystemCallError } from './errno.ts';
import type { Libc } from './libc.ts';
import { portOf, socketAddress } from './socket-address.ts';

export interface UdpSocketOptions {
  /** An IP address, or '' for all addresses of both families. */
  readonly host: string;
  readonly port: number;
  /** Octets of the receive buffer; the kernel may give less. */
  readonly receiveBufferOctets: number;
}

/** Hosts that stand for all addresses: of both families, of IPv4 alone, and, as Linux and Node.js have it, of both again. */
const WILDCARDS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);
/** ms that a send may wait for room. */
const SEND_TIMEOUT_MS = 50;

/** A bound UDP socket that shares its address with others of this process (SO_REUSEPORT). */
export class UdpSocket {
  readonly fd: number;
  readonly port: number;
  /** True where each datagram comes with a control message that tells which address it was sent to: on a socket for all addresses. */
  readonly hasPacketInfo: boolean;
  readonly #libc: Libc;

  private constructor(libc: Libc, fd: number, options: UdpSocketOptions, family: 4 | 6) {
    this.#libc = libc;
    this.fd = fd;
    this.hasPacketInfo = WILDCARDS.has(options.host);
    try {
      this.#setUp(options, family);
      const address = socketAddress(options.host, options.port, family);
      checked(libc, 'bind', libc.bind(fd, address, address.length));
      const bound = new Uint8Array(32);
      checked(libc, 'getsockname', libc.getsockname(fd, bound, Uint32Array.of(bound.length)));
      this.port = portOf(bound, 0);
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** Opens and binds; throws SystemCallError. For all addresses it takes both families, or IPv4 alone where there is no IPv6. */
  static open(libc: Libc, options: UdpSocketOptions): UdpSocket {
    const family = options.host === '' || options.host.includes(':') ? 6 : 4;
    try {
      return UdpSocket.#openFamily(libc, options, family);
    } catch (error) {
      const isWithoutIPv6 =
        error instanceof SystemCallError && (error.errno === EAFNOSUPPORT || error.errno === EADDRNOTAVAIL);
      if (options.host !== '' || !isWithoutIPv6) throw error;
      return UdpSocket.#openFamily(libc, options, 4);
    }
  }

  static #openFamily(libc: Libc, options: UdpSocketOptions, family: 4 | 6): UdpSocket {
    const domain = family === 6 ? AF_INET6 : AF_INET;
    const fd = checked(libc, 'socket', libc.socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return new UdpSocket(libc, fd, options, family);
  }

  /** Datagrams that the kernel dropped for want of room since the socket was opened: what SO_RXQ_OVFL would tell with each datagram. */
  get drops(): number {
    const words = new Uint32Array(32);
    const octets = Uint32Array.of(4 * SK_MEMINFO_VARS);
    if (this.#libc.getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, words, octets) < 0) return 0;
    return words[SK_MEMINFO_DROPS] as number;
  }

  /**
   * Spreads new datagrams over the first `count` sockets of the address only, by the DNS message's ID; what the others hold stays
   * there to be read. The classic BPF program sees the payload (socket(7), SO_ATTACH_REUSEPORT_CBPF).
   */
  steerToFirst(count: number): void {
    const instructions = Uint8Array.from([
      ...[0x28, 0, 0, 0, 0, 0, 0, 0], // ldh [0]
      ...[0x94, 0, 0, 0, count & 0xff, count >> 8, 0, 0], // mod #count
      ...[0x16, 0, 0, 0, 0, 0, 0, 0], // ret a
    ]);
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, 3, true);
    program.setBigUint64(8, BigInt(this.#libc.addressOf(instructions)), true);
    this.#set(SO_ATTACH_REUSEPORT_CBPF, new Uint8Array(program.buffer), 16);
    // It was read by now; this keeps it until then.
    instructions.fill(0);
  }

  /** Leaves it to the kernel again which socket gets a datagram. */
  steerNoMore(): void {
    this.#set(SO_DETACH_REUSEPORT_BPF, Uint8Array.of(0, 0, 0, 0), 4);
  }

  /**
   * Has the kernel refuse new datagrams as it does where no socket is (ICMP port unreachable), while what arrived before can be read and
   * any peer be sent to: the socket is connected to itself, and so nobody else's datagrams are for it. Where it can't be it goes on
   * receiving.
   */
  refuse(): void {
    const own = new Uint8Array(32);
    const octets = Uint32Array.of(own.length);
    if (this.#libc.getsockname(this.fd, own, octets) < 0) return;
    const length = octets[0] as number;
    const family = own[0] === AF_INET6 ? 6 : 4;
    const loopback = socketAddress(family === 6 ? '::1' : '127.0.0.1', this.port, family);
    this.#libc.connect(this.fd, this.hasPacketInfo ? loopback : own, length);
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  #setUp({ receiveBufferOctets }: UdpSocketOptions, family: 4 | 6): void {
    this.#set(SO_REUSEPORT, int(1), 4);
    const timeout = new DataView(new ArrayBuffer(16));
    timeout.setBigInt64(8, BigInt(SEND_TIMEOUT_MS * 1000), true);
    this.#set(SO_SNDTIMEO, new Uint8Array(timeout.buffer), 16);
    // Over the system's limit only with CAP_NET_ADMIN; within it for everyone.
    const buffer = int(receiveBufferOctets);
    if (this.#libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer, 4) < 0) this.#set(SO_RCVBUF, buffer, 4);
    if (family === 6) this.#set(IPV6_V6ONLY, int(this.hasPacketInfo ? 0 : 1), 4, IPPROTO_IPV6);
    if (!this.hasPacketInfo) return;
    if (family === 6) this.#set(IPV6_RECVPKTINFO, int(1), 4, IPPROTO_IPV6);
    else this.#set(IP_PKTINFO, int(1), 4, IPPROTO_IP);
  }

  #set(option: number, value: Uint8Array, octets: number, level = SOL_SOCKET): void {
    checked(this.#libc, 'setsockopt', this.#libc.setsockopt(this.fd, level, option, value, octets));
  }
}

/** A C int. */
const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
