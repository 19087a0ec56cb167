/** Words at the start of the shared memory: how many octets were ever written and read, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;
/** Free for what both sides agree on. */
const RING_WORDS = 16;
const CONTROL_OCTETS = 4 * RING_WORDS;
const ALIGN = 8;
/** In place of a record's length: the rest of the ring is empty, go on at its start. */
const WRAP = -1;

/**
 * Records from one thread to another, through shared memory and without a lock: one side writes, the other reads.
 *
 *     control words | length 4, unused 4, record ... padded to 8 | length ...
 */
export class RecordRing {
  readonly shared: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #capacity: number;
  #reservedAt = 0;

  /** `octets`: a power of two, or the memory of a ring that is there already. */
  constructor(octets: number | SharedArrayBuffer) {
    this.shared = typeof octets === 'number' ? new SharedArrayBuffer(CONTROL_OCTETS + octets) : octets;
    this.#capacity = this.shared.byteLength - CONTROL_OCTETS;
    this.words = new Int32Array(this.shared, 0, RING_WORDS);
    this.bytes = new Uint8Array(this.shared, CONTROL_OCTETS);
    this.view = new DataView(this.shared, CONTROL_OCTETS);
  }

  /** Octets that are written and not released. */
  get used(): number {
    return (Atomics.load(this.words, HEAD) - Atomics.load(this.words, TAIL)) | 0;
  }

  /** Offset of room for a record, or -1 where there is not enough: the other side is behind. Nothing is seen of it before `commit`. */
  reserve(octets: number): number {
    const needed = sizeOf(octets);
    let head = Atomics.load(this.words, HEAD);
    const free = this.#capacity - ((head - Atomics.load(this.words, TAIL)) | 0);
    let at = (head >>> 0) % this.#capacity;
    const untilEnd = this.#capacity - at;
    const skipped = untilEnd < needed ? untilEnd : 0;
    if (needed + skipped > free) return -1;
    if (skipped > 0) {
      this.view.setInt32(at, WRAP, true);
      head = (head + skipped) | 0;
      at = 0;
    }
    this.view.setInt32(at, octets, true);
    this.#reservedAt = (head + needed) | 0;
    return at + ALIGN;
  }

  /** Lets the reader have the reserved record. */
  commit(): void {
    Atomics.store(this.words, HEAD, this.#reservedAt);
  }

  /** Offset of the next record, or -1 where there is none. */
  peek(): number {
    const tail = Atomics.load(this.words, TAIL);
    if (tail === Atomics.load(this.words, HEAD)) return -1;
    const at = (tail >>> 0) % this.#capacity;
    return this.view.getInt32(at, true) === WRAP ? ALIGN : at + ALIGN;
  }

  /** Octets of the record at this offset. */
  lengthAt(offset: number): number {
    return this.view.getInt32(offset - ALIGN, true);
  }

  /** Gives the room of the record at this offset back. */
  release(offset: number): void {
    const tail = Atomics.load(this.words, TAIL);
    const at = (tail >>> 0) % this.#capacity;
    const skipped = offset === ALIGN && at !== 0 ? this.#capacity - at : 0;
    Atomics.store(this.words, TAIL, (tail + skipped + sizeOf(this.lengthAt(offset))) | 0);
  }
}

const sizeOf = (octets: number): number => ALIGN + Math.ceil(octets / ALIGN) * ALIGN;
