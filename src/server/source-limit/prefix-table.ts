/** Places in a row; a hash has 16 bits for each of the two. */
const ROW = 65_536;
const ROW_MASK = ROW - 1;
const WORDS = 1 + 2 * ROW;
/** Time is counted in parts of the interval between two answers at the full rate, so that this interval is a whole number. */
const INTERVAL = 16;
/** Units after which the table is looked through, so that no place is older than what 32 bits can tell from the future. */
const EPOCH_UNITS = 2 ** 30;
/** Charges that threads may have made at once and take back again. */
const MOST_AT_ONCE = 64;

export interface PrefixTableOptions {
  /** Answers a second, and how many at once. */
  readonly rate: number;
  readonly burst: number;
}

/**
 * How many answers each source has had, in memory that threads share: two rows of times, of which a source has one place in each by its
 * hash. A place holds when all that was let through there would be over at the full rate, one after another (GCRA, the virtual schedule of
 * a leaky bucket), so it needs no clearing. Where sources share a place it has the sum of them; a query is refused only where both places
 * are full (count-min). So a source never gets more than its rate, and gets less only while it shares both places with busy ones.
 *
 *     epoch | 65,536 times of the first row | 65,536 times of the second
 */
export class PrefixTable {
  readonly #words: Int32Array;
  readonly #unitsPerMs: number;
  /** How far ahead of now a place may be for one more answer. */
  readonly #most: number;
  readonly #cap: number;
  #now = 0;

  constructor(shared: SharedArrayBuffer, { rate, burst }: PrefixTableOptions) {
    this.#words = new Int32Array(shared, 0, WORDS);
    this.#unitsPerMs = (rate * INTERVAL) / 1000;
    this.#most = (burst - 1) * INTERVAL;
    this.#cap = this.#most + MOST_AT_ONCE * INTERVAL;
  }

  /** Octets that a table takes. */
  static readonly octets = 4 * WORDS;

  /** Makes all places those of sources that nobody has heard of; once, before any thread has the memory. */
  clear(nowMs: number): void {
    const now = Math.floor(nowMs * this.#unitsPerMs);
    this.#words.fill(now | 0);
    this.#words[0] = epochOf(now);
  }

  /** Looks at the clock: monotonic ms, the same clock for all threads. Once a batch will do. */
  begin(nowMs: number): void {
    const now = Math.floor(nowMs * this.#unitsPerMs);
    this.#now = now | 0;
    const epoch = epochOf(now);
    const known = Atomics.load(this.#words, 0);
    const passed = (epoch - known) | 0;
    if (passed > 0 && Atomics.compareExchange(this.#words, 0, known, epoch) === known) this.#forgetPast(passed === 1);
  }

  /** True where the source with this hash gets one more answer, which then is counted. */
  take(hash: number): boolean {
    const first = 1 + (hash & ROW_MASK);
    const second = 1 + ROW + (hash >>> 16);
    const most = this.#most;
    // Most of a flood ends here, and nothing is written.
    if (this.#lead(first) > most && this.#lead(second) > most) return false;
    // The second place first: whoever gets through by the first has been counted in both by then.
    const [cells, cap] = [this.#words, this.#cap];
    let before = 0;
    let charged = 0;
    for (;;) {
      const time = Atomics.load(cells, second);
      before = this.#leadOf(time);
      charged = Math.min(INTERVAL, cap - before);
      if (charged <= 0) charged = 0;
      if (Atomics.compareExchange(cells, second, time, (this.#now + before + charged) | 0) === time) break;
    }
    for (;;) {
      const time = Atomics.load(cells, first);
      const lead = this.#leadOf(time);
      if (lead > most) break;
      if (Atomics.compareExchange(cells, first, time, (this.#now + lead + INTERVAL) | 0) === time) return true;
    }
    if (before > most) {
      Atomics.sub(cells, second, charged);
      return false;
    }
    this.#raise(first, most + INTERVAL);
    return true;
  }

  /** Units from now to the time in a place, 0 where it is over. */
  #lead(at: number): number {
    return this.#leadOf(Atomics.load(this.#words, at));
  }

  #leadOf(time: number): number {
    const lead = (time - this.#now) | 0;
    return lead > 0 ? lead : 0;
  }

  /** Makes a place at least so far ahead: what its source is ahead now, at the most. */
  #raise(at: number, lead: number): void {
    for (;;) {
      const time = Atomics.load(this.#words, at);
      if (this.#leadOf(time) >= lead) return;
      if (Atomics.compareExchange(this.#words, at, time, (this.#now + lead) | 0) === time) return;
    }
  }

  /** Puts places that are over to now. After more than an epoch without a query all are over, and some no longer look so. */
  #forgetPast(isNextEpoch: boolean): void {
    for (let at = 1; at < WORDS; at++) {
      const time = Atomics.load(this.#words, at);
      if (!isNextEpoch || this.#leadOf(time) === 0) Atomics.compareExchange(this.#words, at, time, this.#now);
    }
  }
}

const epochOf = (units: number): number => Math.floor(units / EPOCH_UNITS) | 0;
