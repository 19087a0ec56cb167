import type { Generations } from '#plugin/index.ts';

const TICK_MS = 250;
/** Ticks after a change at which its slots are bumped again: after 250 ms, 1 s and 3 s, and a tick at most. */
const ECHOES = [2, 5, 13] as const;
const LAST_ECHO = 13;
/** Power of two above the last. */
const TICKS = 16;

/**
 * Bumps slots at a change, and some times more: the node may hear of a change before the cluster's DNS does, and would then keep the
 * old answer again. One wheel and one timer serve all changes, and a slot stands once in a tick however often it changes: 130 KiB.
 */
export class EchoBumps {
  readonly #generations: Generations;
  /** Sets of slots by tick, one bit each; made at the first change. */
  readonly #wheel: (Uint32Array | null)[] = new Array(TICKS).fill(null);
  readonly #isUsed: boolean[] = new Array(TICKS).fill(false);
  #now = 0;
  #lastTick = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(generations: Generations) {
    this.#generations = generations;
  }

  bump(slots: readonly number[]): void {
    for (const slot of slots) this.#generations.bump(slot);
    for (const ticks of ECHOES) {
      const set = this.#at(this.#now + ticks);
      for (const slot of slots) set[slot >> 5] = (set[slot >> 5] as number) | (1 << (slot & 31));
    }
    this.#lastTick = this.#now + LAST_ECHO;
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #at(tick: number): Uint32Array {
    const place = tick % TICKS;
    this.#isUsed[place] = true;
    const known = this.#wheel[place];
    if (known) return known;
    const set = new Uint32Array(Math.ceil(this.#generations.words.length / 32));
    this.#wheel[place] = set;
    return set;
  }

  #tick(): void {
    const place = ++this.#now % TICKS;
    const set = this.#wheel[place];
    if (set && this.#isUsed[place]) {
      for (let i = 0; i < set.length; i++) if (set[i] !== 0) this.#bumpWord(set, i);
      this.#isUsed[place] = false;
    }
    if (this.#now >= this.#lastTick) this.stop();
  }

  #bumpWord(set: Uint32Array, word: number): void {
    const bits = set[word] as number;
    for (let bit = 0; bit < 32; bit++) if ((bits & (1 << bit)) !== 0) this.#generations.bump(32 * word + bit);
    set[word] = 0;
  }
}
