import { RecordMemory, WORD } from './record.ts';

/** State of a record. */
const DEAD = 1;
const WARM = 2;
const ALIGN = 8;
/** Where a record of its own would not fit before the end, this fills it; only size and state of it are used. */
const FILLER_OCTETS = ALIGN;

/** What becomes of records that the arena moves or gives up. */
export interface ArenaEvents {
  moved(from: number, to: number): void;
  evicted(at: number): void;
}

/**
 * Records one behind the other in a ring of octets. For a new one the oldest make room, by CLOCK: one that was used since it was put
 * in, or since its last turn, goes to the front once more. So the bound is exact, and nothing is left to the garbage collector.
 */
export class Arena {
  readonly memory: RecordMemory;
  readonly #capacity: number;
  readonly #events: ArenaEvents;
  #head = 0;
  #tail = 0;
  /** Octets between tail and head, dead records and fillers too. */
  #used = 0;

  /** `octets`: all that it may hold. Memory that was never written takes no room. */
  constructor(octets: number, events: ArenaEvents) {
    this.#capacity = octets & -ALIGN;
    this.memory = new RecordMemory(new ArrayBuffer(this.#capacity));
    this.#events = events;
  }

  get used(): number {
    return this.#used;
  }

  /** Offset of room for a record of this size, which is then to be written there; -1 where it is larger than all there is. */
  allocate(size: number): number {
    if (size > this.#capacity) return -1;
    while (this.#roomAtHead() < size) {
      if (this.#head >= this.#tail && this.#used < this.#capacity && this.#head > 0) this.#wrap();
      else this.#giveUpOldest();
    }
    const at = this.#head;
    this.#advanceHead(size);
    return at;
  }

  isDead(at: number): boolean {
    return ((this.memory.words[at / 4 + WORD.state] as number) & DEAD) !== 0;
  }

  /** The record's room is given back when its turn comes. */
  kill(at: number): void {
    this.memory.words[at / 4 + WORD.state] = DEAD;
  }

  /** Notes that a record is used. */
  warm(at: number): void {
    this.memory.words[at / 4 + WORD.state] = WARM;
  }

  /** Octets from the head that are free and not interrupted. */
  #roomAtHead(): number {
    if (this.#used === 0) {
      this.#head = 0;
      this.#tail = 0;
    }
    if (this.#used > 0 && this.#head <= this.#tail) return this.#tail - this.#head;
    return this.#capacity - this.#head;
  }

  #advanceHead(size: number): void {
    this.#used += size;
    this.#head += size;
    if (this.#head === this.#capacity) this.#head = 0;
  }

  /** Goes on at the start of the ring. */
  #wrap(): void {
    const size = this.#capacity - this.#head;
    this.memory.words[this.#head / 4 + WORD.size] = size;
    if (size > FILLER_OCTETS) this.kill(this.#head);
    this.#advanceHead(size);
  }

  #giveUpOldest(): void {
    const { words } = this.memory;
    const at = this.#tail;
    const size = words[at / 4 + WORD.size] as number;
    const state = size > FILLER_OCTETS ? (words[at / 4 + WORD.state] as number) : DEAD;
    this.#used -= size;
    this.#tail = at + size === this.#capacity ? 0 : at + size;
    if (state === DEAD) return;
    if (state === WARM) this.#moveToFront(at, size);
    else this.#events.evicted(at);
  }

  /** There is room for it: its own, at least, joins what is free behind the head. */
  #moveToFront(from: number, size: number): void {
    if (this.#roomAtHead() < size) this.#wrap();
    const to = this.#head;
    this.memory.bytes.copyWithin(to, from, from + size);
    this.memory.words[to / 4 + WORD.state] = 0;
    this.#advanceHead(size);
    this.#events.moved(from, to);
  }
}
