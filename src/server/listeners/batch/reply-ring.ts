import { RecordMemory, recordSize, writeRecord } from '../../answer-memory/record.ts';
import type { RepeatableReply } from '../../answer-memory/repeatable-reply.ts';
import { RecordRing } from './record-ring.ts';

/** Octets of replies that may wait for a thread; what does not fit is not remembered this time. */
const REPLY_RING_OCTETS = 256 * 1024;
/** The largest reply that threads remember. A larger one stays with main, which has room for any. */
export const MAX_TAUGHT_OCTETS = 4096;
/** Number of the address 4, unused 4; the record of the reply stands behind it. */
const ADDRESS_OCTETS = 8;

/** Repeatable replies from main to a listener thread. */
export class ReplyRing {
  readonly #ring: RecordRing;
  readonly #memory: RecordMemory;
  /** Main: replies that there was no room for. */
  untaught = 0;

  /** `shared`: the memory of a ring that is there already. */
  constructor(shared?: SharedArrayBuffer) {
    this.#ring = new RecordRing(shared ?? REPLY_RING_OCTETS);
    this.#memory = new RecordMemory(this.#ring.shared, this.#ring.bytes.byteOffset);
  }

  get shared(): SharedArrayBuffer {
    return this.#ring.shared;
  }

  /** Octets that wait for the thread. */
  get octets(): number {
    return this.#ring.used;
  }

  /** Main: has the thread remember a reply of this address. */
  teach(address: number, reply: RepeatableReply): void {
    if (reply.message.length > MAX_TAUGHT_OCTETS) return;
    const at = this.#ring.reserve(ADDRESS_OCTETS + recordSize(reply));
    if (at < 0) {
      this.untaught++;
      return;
    }
    this.#memory.words[at / 4] = address;
    writeRecord(reply, this.#memory, at + ADDRESS_OCTETS);
    this.#ring.commit();
  }

  /** Thread: gives every reply that waits, as a record in a memory, to `learn`; false where none did. */
  take(learn: (address: number, memory: RecordMemory, start: number) => void): boolean {
    let at = this.#ring.peek();
    if (at < 0) return false;
    for (; at >= 0; at = this.#ring.peek()) {
      learn(this.#memory.words[at / 4] as number, this.#memory, at + ADDRESS_OCTETS);
      this.#ring.release(at);
    }
    return true;
  }
}
