import { int, openBound, type Place, type SetOption, setOption } from './bound-socket.ts';
import {
  AF_INET6,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SK_MEMINFO_DROPS,
  SK_MEMINFO_VARS,
  SO_MEMINFO,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDTIMEO,
  SOCK_DGRAM,
  SOL_SOCKET,
} from './constants.ts';
import type { Libc } from './libc.ts';
import { socketAddress } from './socket-address.ts';

export interface UdpSocketOptions extends Place {
  /** Octets of the receive buffer; the kernel may give less. */
  readonly receiveBufferOctets: number;
}

/** Hosts that stand for all addresses: of both families, of IPv4 alone, and, as Linux and Node.js have it, of both again. */
const WILDCARDS: ReadonlySet<string> = new Set(['', '0.0.0.0', '::']);
/** ms that a send may wait for room. */
const SEND_TIMEOUT_MS = 50;

/** A bound UDP socket that shares its address with others of this user (SO_REUSEPORT). */
export class UdpSocket {
  readonly fd: number;
  readonly port: number;
  /** True where each datagram comes with a control message that tells which address it was sent to: on a socket for all addresses. */
  readonly hasPacketInfo: boolean;
  readonly #libc: Libc;

  private constructor(libc: Libc, fd: number, port: number, hasPacketInfo: boolean) {
    this.#libc = libc;
    this.fd = fd;
    this.port = port;
    this.hasPacketInfo = hasPacketInfo;
  }

  /** Opens and binds; throws SystemCallError. For all addresses it takes both families, or IPv4 alone where there is no IPv6. */
  static open(libc: Libc, options: UdpSocketOptions): UdpSocket {
    const hasPacketInfo = WILDCARDS.has(options.host);
    // A port that the kernel chooses may be one that another process of this user shares: it is asked for one that is nobody's, and shared then.
    const isChosen = options.port === 0;
    const { fd, port } = openBound(libc, SOCK_DGRAM, options, (set, fd, family) => {
      if (!isChosen) set(SO_REUSEPORT, int(1));
      const timeout = new DataView(new ArrayBuffer(16));
      timeout.setBigInt64(8, BigInt(SEND_TIMEOUT_MS * 1000), true);
      set(SO_SNDTIMEO, new Uint8Array(timeout.buffer));
      // Over the system's limit only with CAP_NET_ADMIN; within it for everyone.
      const buffer = int(options.receiveBufferOctets);
      if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, buffer, 4) < 0) set(SO_RCVBUF, buffer);
      if (family === 6) set(IPV6_V6ONLY, int(hasPacketInfo ? 0 : 1), IPPROTO_IPV6);
      if (hasPacketInfo) askForPacketInfo(set, family);
    });
    if (isChosen) setOption(libc, fd, SO_REUSEPORT, int(1));
    return new UdpSocket(libc, fd, port, hasPacketInfo);
  }

  /** Datagrams that the kernel dropped for want of room since the socket was opened: what SO_RXQ_OVFL would tell with each datagram. */
  get drops(): number {
    const words = new Uint32Array(32);
    const octets = Uint32Array.of(4 * SK_MEMINFO_VARS);
    if (this.#libc.getsockopt(this.fd, SOL_SOCKET, SO_MEMINFO, words, octets) < 0) return 0;
    return words[SK_MEMINFO_DROPS] as number;
  }

  /**
   * Has the kernel give new datagrams to the other sockets of the address, in whichever process they are, and refuse them as it does where
   * no socket is (ICMP port unreachable) where all have said so, while what arrived before can be read and any peer be sent to: the socket
   * is connected to itself, and so nobody else's datagrams are for it. Where it can't be it goes on receiving. Kernels before 5.4 go on
   * giving it its share (acdcecc61285, "udp: correct reuseport selection with connected sockets").
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

  /** libuv sets SO_REUSEADDR on sockets that it is given, and with it any user's socket could take the address over. */
  keepToUser(): void {
    setOption(this.#libc, this.fd, SO_REUSEADDR, int(0));
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

const askForPacketInfo = (set: SetOption, family: 4 | 6): void => {
  if (family === 6) set(IPV6_RECVPKTINFO, int(1), IPPROTO_IPV6);
  else set(IP_PKTINFO, int(1), IPPROTO_IP);
};
