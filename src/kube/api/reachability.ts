import type { Clock } from './clock.ts';

/** A pause that is shorter is never cut: two watches that break at once would otherwise keep each other busy. */
const SHORTEST_PAUSE_MS = 800;

interface Sleeper {
  readonly since: number;
  readonly wake: AbortController;
}

/** Pauses that end early when somebody else has reached the server: after an outage all kinds are back together. */
export class Reachability {
  readonly #clock: Clock;
  readonly #sleepers = new Set<Sleeper>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `ms`, when the server is reached, or when the signal is aborted. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    const sleeper = { since: this.#clock.now(), wake: new AbortController() };
    this.#sleepers.add(sleeper);
    await this.#clock.sleep(ms, AbortSignal.any([signal, sleeper.wake.signal]));
    this.#sleepers.delete(sleeper);
  }

  /** A request was answered. */
  reached(): void {
    const now = this.#clock.now();
    for (const { since, wake } of this.#sleepers) if (now - since >= SHORTEST_PAUSE_MS) wake.abort();
  }
}
