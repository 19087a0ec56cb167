import { MessageHeaders, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import { addressOf, libc } from './libc.ts';

/** Room for datagrams that one recvmmsg fills, with the peers that they came from, and one sendmmsg sends back. */
export class DatagramBatch {
  readonly count: number;
  /** Octets of room for each. */
  readonly room: number;
  /** Datagram i is at i * room. */
  readonly octets: Buffer;
  readonly #headers: MessageHeaders;
  readonly #peers: Buffer;
  readonly #octetsAt: number;

  constructor(count: number, room: number) {
    this.count = count;
    this.room = room;
    this.octets = Buffer.alloc(count * room);
    this.#octetsAt = addressOf(this.octets);
    this.#peers = Buffer.alloc(count * SOCKADDR_OCTETS);
    this.#headers = new MessageHeaders(libc, count);
    const peersAt = addressOf(this.#peers);
    for (let i = 0; i < count; i++) {
      this.#headers.setName(i, peersAt + i * SOCKADDR_OCTETS, 0);
      this.makeRoom(i);
    }
  }

  /** What recvmmsg and sendmmsg take. */
  get address(): number {
    return this.#headers.address;
  }

  /** Octets of datagram i as it was received. */
  received(i: number): number {
    return this.#headers.length(i);
  }

  /** Octets of datagram i that the next sendmmsg sends. */
  setLength(i: number, octets: number): void {
    this.#headers.setData(i, this.#octetsAt + i * this.room, octets);
  }

  /** Before datagram i is received into again. */
  makeRoom(i: number): void {
    this.setLength(i, this.room);
    this.#headers.rearm(i, 0);
  }
}
