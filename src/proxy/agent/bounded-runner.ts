import type { Clock } from '#kube/api/clock.ts';

export interface BoundedRunnerOptions {
  readonly clock: Clock;
  /** Shortest time from the start of one run to that of the next. */
  readonly minIntervalMs: number;
  /** Never rejects; runs never overlap. */
  readonly work: () => Promise<void>;
}

/** Runs work when it is asked for: at once after a quiet time, else as soon as the shortest interval has passed, once for all who asked meanwhile. */
export class BoundedRunner {
  readonly #options: BoundedRunnerOptions;
  /** When the next run is wanted, on the clock; null for not at all. */
  #dueAt: number | null = null;
  #lastStart = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #isStopped = false;
  #disarm = (): void => undefined;

  constructor(options: BoundedRunnerOptions) {
    this.#options = options;
  }

  /** Asks for a run: as soon as may be, or after `ms`, where none is wanted sooner. */
  trigger(ms = 0): void {
    const at = this.#options.clock.now() + ms;
    if (this.#dueAt !== null && this.#dueAt <= at) return;
    this.#dueAt = at;
    this.#arm();
  }

  /** Runs no more; resolves when the run that is under way has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#disarm();
    await this.#running;
  }

  #arm(): void {
    this.#disarm();
    if (this.#isStopped || this.#running !== null || this.#dueAt === null) return;
    const { clock, minIntervalMs } = this.#options;
    const at = Math.max(this.#dueAt, this.#lastStart + minIntervalMs);
    // Also without a pause by a timer: what else comes in this turn of the event loop belongs to the same run.
    this.#disarm = clock.deadline(Math.max(0, at - clock.now()), () => this.#run());
  }

  #run(): void {
    this.#dueAt = null;
    this.#lastStart = this.#options.clock.now();
    this.#running = this.#options.work().finally(() => {
      this.#running = null;
      this.#arm();
    });
  }
}
