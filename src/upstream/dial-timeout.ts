/** Bounds of the time a connection may take to come up, and how slowly the average follows. CoreDNS: plugin/pkg/proxy. */
const MIN_MS = 1000;
const MAX_MS = 30_000;
const WEIGHT = 4;

/** A time limit that may learn from how long things took. */
export interface TimeLimit {
  readonly ms: number;
  observe(ms: number): void;
}

/** The time limit for connecting: twice what it took of late, within 1 s and 30 s. */
export class DialTimeout implements TimeLimit {
  #averageMs = MAX_MS / 2;

  get ms(): number {
    if (this.#averageMs < MIN_MS) return MIN_MS;
    return this.#averageMs < MAX_MS / 2 ? 2 * this.#averageMs : MAX_MS;
  }

  /** Notes how long one attempt took, whether it worked or not. */
  observe(ms: number): void {
    this.#averageMs += (ms - this.#averageMs) / WEIGHT;
  }
}
