import { MSG_DONTWAIT } from '#libc/constants.ts';
import type { Libc } from '#libc/libc.ts';
import { CONTROL_OCTETS, SOCKADDR_OCTETS } from '#libc/message-headers.ts';
import { HandedQuery } from './query-ring.ts';
import { Sender } from './sender.ts';

/** Replies of one system call; more than this are sent at once. */
const MOST = 64;
/** Room for any one reply, and for a batch of usual ones. */
const OCTETS = 128 * 1024;
const PEER_OCTETS = SOCKADDR_OCTETS + CONTROL_OCTETS;

/** Replies of the main thread that wait to be sent together: until the queries at hand are done with, or until this turn of the event loop ends. */
export class ReplyQueue {
  readonly #sender: Sender;
  readonly #peers = new Uint8Array(MOST * PEER_OCTETS);
  readonly #peersAt: number;
  readonly #fd: number;
  readonly #failed: (count: number) => void;
  #isScheduled = false;

  /** `failed` is told of replies that could not be sent. */
  constructor(libc: Libc, fd: number, failed: (count: number) => void) {
    this.#sender = new Sender(libc, MOST, OCTETS);
    this.#peersAt = libc.addressOf(this.#peers);
    this.#fd = fd;
    this.#failed = failed;
  }

  /** Takes a reply to this query. */
  add(query: HandedQuery, message: Buffer): void {
    const sender = this.#sender;
    if (sender.room(message.length) < 0) this.flush();
    sender.octets.set(message, sender.room(message.length));
    const at = sender.count * PEER_OCTETS;
    const { record, nameOctets, controlOctets } = query;
    // Name and control message stand side by side in both.
    for (let i = 0; i < PEER_OCTETS; i++) this.#peers[at + i] = record[HandedQuery.nameAt + i] as number;
    const name = this.#peersAt + at;
    sender.add(message.length, name, nameOctets, name + SOCKADDR_OCTETS, controlOctets);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#sender.count === 0) return;
    const failures = this.#sender.flush(this.#fd, MSG_DONTWAIT);
    if (failures > 0) this.#failed(failures);
  }
}
