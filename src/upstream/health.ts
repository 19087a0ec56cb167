/** One health probe: calls back once with null where anything came back, else with why not. Returns how to give up. */
export type Probe = (done: (error: Error | null) => void) => () => void;

/**
 * Counts failed probes of one upstream. Probing is not periodic: a failed exchange sets it off, and it goes on at the interval until
 * one probe is answered. There is never more than one round at a time.
 */
export class Health {
  readonly #probe: Probe;
  readonly #intervalMs: number;
  readonly #onFailure: () => void;
  #fails = 0;
  #isProbing = false;
  #isStopped = false;
  #giveUp: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(probe: Probe, intervalMs: number, onFailure: () => void) {
    this.#probe = probe;
    this.#intervalMs = intervalMs;
    this.#onFailure = onFailure;
  }

  /** Probes that failed since the last one that was answered. */
  get fails(): number {
    return this.#fails;
  }

  /** True with more failed probes than `maxFails`, where 0 means never. */
  isDown(maxFails: number): boolean {
    return maxFails !== 0 && this.#fails > maxFails;
  }

  /** Starts a round of probes unless one is under way. */
  check(): void {
    if (this.#isProbing || this.#isStopped) return;
    this.#isProbing = true;
    this.#send();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#giveUp?.();
    this.#giveUp = null;
  }

  #send(): void {
    this.#giveUp = this.#probe((error) => {
      this.#giveUp = null;
      if (this.#isStopped) return;
      if (error === null) {
        this.#fails = 0;
        this.#isProbing = false;
        return;
      }
      this.#fails++;
      this.#onFailure();
      this.#timer = setTimeout(() => this.#send(), this.#intervalMs).unref();
    });
  }
}
