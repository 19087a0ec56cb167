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

  /** Failures since the last `reset`. */
  get failures(): number {
    return this.#failures;
  }

  /** One more failure: ms to wait before the next try, at least what the server asked for. */
  next(retryAfterMs = 0): number {
    this.#failures++;
    const bound = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(this.#failures, 10));
    return Math.max(retryAfterMs, FIRST_MS + this.#random() * (bound - FIRST_MS));
  }

  reset(): void {
    this.#failures = 0;
  }
}
