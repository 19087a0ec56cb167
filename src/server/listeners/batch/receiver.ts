import { MSG_DONTWAIT, MSG_TRUNC } from '#libc/constants.ts';
import { checked, isPassing } from '#libc/errno.ts';
import type { Libc } from '#libc/libc.ts';
import { CONTROL_OCTETS, MessageHeaders, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import type { ReceivedMemory } from './query-ring.ts';

/** Datagrams that one system call may bring. */
export const BATCH = 64;
/** Room for a query. A larger one is cut, and answered as CoreDNS answers what it cuts at 512. */
const QUERY_OCTETS = 4096;
/** One cache line more, so that the slots of a batch do not all fall on the same lines of the processor's cache. */
const SLOT_OCTETS = QUERY_OCTETS + 64;

/** The memory that one `recvmmsg` fills. */
export class Receiver implements ReceivedMemory {
  readonly headers: MessageHeaders;
  readonly names = new Uint8Array(BATCH * SOCKADDR_OCTETS);
  readonly controls = new Uint8Array(BATCH * CONTROL_OCTETS);
  /** The slots of messages, each a view of its own. */
  readonly slots: readonly Uint8Array[];
  readonly #libc: Libc;
  readonly #namesAt: number;
  readonly #controlsAt: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    const data = new Uint8Array(BATCH * SLOT_OCTETS);
    this.slots = Array.from({ length: BATCH }, (_, i) =>
      data.subarray(i * SLOT_OCTETS, i * SLOT_OCTETS + QUERY_OCTETS),
    );
    this.headers = new MessageHeaders(libc, BATCH);
    this.#namesAt = libc.addressOf(this.names);
    this.#controlsAt = libc.addressOf(this.controls);
    const dataAt = libc.addressOf(data);
    for (let i = 0; i < BATCH; i++) {
      this.headers.setData(i, dataAt + i * SLOT_OCTETS, QUERY_OCTETS);
      this.headers.setName(i, this.nameAddress(i), 0);
      this.headers.setControl(i, this.controlAddress(i), 0);
      this.headers.rearm(i, CONTROL_OCTETS);
    }
  }

  nameAddress(i: number): number {
    return this.#namesAt + i * SOCKADDR_OCTETS;
  }

  controlAddress(i: number): number {
    return this.#controlsAt + i * CONTROL_OCTETS;
  }

  /** Takes what is there, without waiting; gives how many. Throws where the socket can't be read. */
  receive(fd: number): number {
    const count = this.#libc.recvmmsg(fd, this.headers.address, BATCH, MSG_DONTWAIT, 0);
    if (count >= 0) return count;
    return isPassing(this.#libc.errno()) ? 0 : checked(this.#libc, 'recvmmsg', count);
  }

  /** True where message i was larger than its slot. */
  isCut(i: number): boolean {
    return (this.headers.flags(i) & MSG_TRUNC) !== 0;
  }

  /** Makes the first messages ready to be received into again. */
  rearm(count: number): void {
    for (let i = 0; i < count; i++) this.headers.rearm(i, CONTROL_OCTETS);
  }
}
