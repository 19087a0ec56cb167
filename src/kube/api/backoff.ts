const FIRST_MS = 800;
const CAP_MS = 30_000;

/**
 * How long to wait after each failure in a row: at random between 0.8 s and a bound that doubles from 1.6 s to 30 s,
 * so that many clients of a server that comes back do not all ask in the same moment.
 */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Failures since the last `reset` after which the server asked for no time. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * One more failure: ms to wait before the next try. Where the server asks for a time, it is that, with as much jitter as after a first
   * failure, and the failure does not count: a server that is busy is neither gone nor wrong.
   */
  next(retryAfterMs = 0): number {
    if (retryAfterMs > 0) return retryAfterMs + this.#random() * FIRST_MS;
    this.#failures++;
    const bound = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(this.#failures, 10));
    return FIRST_MS + this.#random() * (bound - FIRST_MS);
  }

  reset(): void {
    this.#failures = 0;
  }
}
