/** The least and the most that silence is borne; a CPU limit stops a server for up to 100 ms at a time, so less than that says nothing. */
const LEAST_MS = 200;
const MOST_MS = 1000;
const TOO_LITTLE_MS = 100;
/** Replies that take less on average are quick: those that wait behind others are, too. */
const QUICK_MS = 10;

/**
 * How long a connection that owes a reply may be silent until it is taken for dead: by far longer than replies take of late. Mean and deviation
 * follow as those of TCP do (RFC 6298), so an upstream that is slow by nature is not asked everything twice.
 */
export class Patience {
  #meanMs = Number.NaN;
  #deviationMs = 0;
  readonly #mostMs: number;

  /** `readTimeoutMs`: the silence that ends a query; a second one has to find room within it. */
  constructor(readTimeoutMs: number) {
    this.#mostMs = Math.max(TOO_LITTLE_MS, Math.min(MOST_MS, readTimeoutMs / 3));
  }

  get ms(): number {
    const usualMs = Number.isNaN(this.#meanMs) ? 0 : this.#meanMs + 4 * this.#deviationMs;
    return Math.min(Math.max(LEAST_MS, usualMs), this.#mostMs);
  }

  /** True where replies are known to be quick. */
  get isQuick(): boolean {
    return this.#meanMs < QUICK_MS;
  }

  /** Notes how long a reply took. */
  observe(ms: number): void {
    if (Number.isNaN(this.#meanMs)) {
      this.#meanMs = ms;
      this.#deviationMs = ms / 2;
      return;
    }
    this.#deviationMs += (Math.abs(ms - this.#meanMs) - this.#deviationMs) / 4;
    this.#meanMs += (ms - this.#meanMs) / 8;
  }
}
