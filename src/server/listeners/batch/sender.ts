import { EAGAIN, EINTR, MSG_DONTWAIT, MSG_NOSIGNAL } from '#libc/constants.ts';
import type { Libc } from '#libc/libc.ts';
import { MessageHeaders } from '#libc/message-headers.ts';

const ALIGN = 8;

/** Replies that one `sendmmsg` sends: their octets one behind the other in `octets`, and for each where it goes. */
export class Sender {
  readonly octets: Uint8Array;
  readonly #libc: Libc;
  readonly #headers: MessageHeaders;
  readonly #octetsAt: number;
  readonly #most: number;
  #count = 0;
  #end = 0;

  /** `most` messages, and `octets` for all of them. */
  constructor(libc: Libc, most: number, octets: number) {
    this.#libc = libc;
    this.#most = most;
    this.octets = new Uint8Array(octets);
    this.#octetsAt = libc.addressOf(this.octets);
    this.#headers = new MessageHeaders(libc, most);
  }

  get count(): number {
    return this.#count;
  }

  /** Where in `octets` a reply of this length may be written, or -1 where there is no room before the next `flush`. */
  room(length: number): number {
    return this.#count < this.#most && this.#end + length <= this.octets.length ? this.#end : -1;
  }

  /**
   * Takes the reply that was written at `room(length)`. The peer's socket address and the control message, which tells the address to
   * send from, are given by address and must stay as they are until `flush`.
   */
  add(length: number, name: number, nameOctets: number, control: number, controlOctets: number): void {
    const headers = this.#headers;
    const i = this.#count++;
    headers.setData(i, this.#octetsAt + this.#end, length);
    headers.setName(i, name, nameOctets);
    headers.setControl(i, control, controlOctets);
    this.#end += (length + ALIGN - 1) & -ALIGN;
  }

  /**
   * Sends all; gives how many could not be sent. `sendmmsg` stops at the first message that fails: that one is left out and the rest
   * goes on. It waits for room in the socket once at most.
   */
  flush(fd: number, flags = 0): number {
    let failures = 0;
    let at = 0;
    let wait = flags;
    while (at < this.#count) {
      const sent = this.#libc.sendmmsg(fd, this.#headers.addressOf(at), this.#count - at, MSG_NOSIGNAL | wait);
      if (sent > 0) {
        at += sent;
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === EINTR) continue;
      if (errno === EAGAIN) wait |= MSG_DONTWAIT;
      at++;
      failures++;
    }
    this.#count = 0;
    this.#end = 0;
    return failures;
  }
}
