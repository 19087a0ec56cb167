import { addressOf } from './libc.ts';

const MMSGHDR_OCTETS = 64; // struct msghdr of 56, msg_len of 4, padding of 4, on 64 bits
const IOVEC_OCTETS = 16;
const SOCKADDR_OCTETS = 16;

/** Room for datagrams that one recvmmsg fills, with the peers that they came from, and one sendmmsg sends back. */
export class DatagramBatch {
  readonly count: number;
  /** Octets of room for each. */
  readonly room: number;
  /** Datagram i is at i * room. */
  readonly octets: Buffer;
  /** What recvmmsg and sendmmsg take. */
  readonly address: number;
  readonly #headers: Buffer;
  readonly #parts: Buffer;
  readonly #peers: Buffer;

  constructor(count: number, room: number) {
    this.count = count;
    this.room = room;
    this.octets = Buffer.alloc(count * room);
    this.#headers = Buffer.alloc(count * MMSGHDR_OCTETS);
    this.#parts = Buffer.alloc(count * IOVEC_OCTETS);
    this.#peers = Buffer.alloc(count * SOCKADDR_OCTETS);
    this.address = addressOf(this.#headers);
    const [octets, parts, peers] = [this.octets, this.#parts, this.#peers].map(addressOf) as [number, number, number];
    for (let i = 0; i < count; i++) {
      this.#parts.writeBigUInt64LE(BigInt(octets + i * room), i * IOVEC_OCTETS);
      this.#headers.writeBigUInt64LE(BigInt(peers + i * SOCKADDR_OCTETS), i * MMSGHDR_OCTETS);
      this.#headers.writeBigUInt64LE(BigInt(parts + i * IOVEC_OCTETS), i * MMSGHDR_OCTETS + 16);
      this.#headers.writeUInt32LE(1, i * MMSGHDR_OCTETS + 24);
      this.makeRoom(i);
    }
  }

  /** Octets of datagram i as it was received. */
  received(i: number): number {
    return this.#headers.readUInt32LE(i * MMSGHDR_OCTETS + 56);
  }

  /** Octets of datagram i that the next sendmmsg sends. */
  setLength(i: number, octets: number): void {
    this.#parts.writeUInt32LE(octets, i * IOVEC_OCTETS + 8);
  }

  /** Before datagram i is received into again. */
  makeRoom(i: number): void {
    this.setLength(i, this.room);
    this.#headers.writeUInt32LE(SOCKADDR_OCTETS, i * MMSGHDR_OCTETS + 8);
  }
}
