import { int, openBound, type Place, setOption } from './bound-socket.ts';
import {
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_DETACH_REUSEPORT_BPF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_STREAM,
} from './constants.ts';
import type { Libc } from './libc.ts';

/** A bound TCP socket that shares its address with others of this user (SO_REUSEPORT). To be given to Node.js, which listens on it. */
export class TcpSocket {
  readonly fd: number;
  readonly port: number;
  readonly #libc: Libc;

  private constructor(libc: Libc, fd: number, port: number) {
    this.#libc = libc;
    this.fd = fd;
    this.port = port;
  }

  /** Opens and binds; throws SystemCallError. For all addresses it takes both families, or IPv4 alone where there is no IPv6. */
  static open(libc: Libc, place: Place): TcpSocket {
    const { fd, port } = openBound(libc, SOCK_STREAM, place, (set, _fd, family) => {
      set(SO_REUSEPORT, int(1));
      // As Node.js has it: connections of one that has ended may linger.
      set(SO_REUSEADDR, int(1));
      if (family === 6) set(IPV6_V6ONLY, int(place.host === '' ? 0 : 1), IPPROTO_IPV6);
    });
    return new TcpSocket(libc, fd, port);
  }

  /**
   * Leads new connections to the socket with this number among those that listen on the address, in the order in which they began to, in
   * whichever process; where there is none, the kernel chooses as it does by itself. Outlives the socket while there are others.
   * (socket(7), SO_ATTACH_REUSEPORT_CBPF.)
   */
  steerTo(number: number): void {
    const instructions = Uint8Array.from([0x06, 0, 0, 0, number & 0xff, number >> 8, 0, 0]); // ret #number
    const program = new DataView(new ArrayBuffer(16));
    program.setUint16(0, 1, true);
    program.setBigUint64(8, BigInt(this.#libc.addressOf(instructions)), true);
    setOption(this.#libc, this.fd, SO_ATTACH_REUSEPORT_CBPF, new Uint8Array(program.buffer));
    // It was read by now; this keeps it until then.
    instructions.fill(0);
  }

  /** Leaves it to the kernel again which socket gets a connection. */
  steerNoMore(): void {
    setOption(this.#libc, this.fd, SO_DETACH_REUSEPORT_BPF, int(0));
  }

  /** To be called only where Node.js has not taken it over. */
  close(): void {
    this.#libc.close(this.fd);
  }
}
