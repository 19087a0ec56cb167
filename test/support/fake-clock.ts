import type { Clock } from '#kube/api/clock.ts';

interface Timer {
  readonly ms: number;
  readonly fire: () => void;
}

/** A clock that stands still until the test moves it. */
export class FakeClock implements Clock {
  time = 0;
  /** Every pause that was ever begun, in ms. */
  readonly pauses: number[] = [];
  /** Pauses that have not ended. */
  readonly sleeping = new Set<Timer>();
  /** Deadlines that have neither passed nor been called off. */
  readonly deadlines = new Set<Timer>();

  now(): number {
    return this.time;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.pauses.push(ms);
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = {
        ms,
        fire: () => {
          this.sleeping.delete(timer);
          signal.removeEventListener('abort', timer.fire);
          resolve();
        },
      };
      this.sleeping.add(timer);
      signal.addEventListener('abort', timer.fire);
    });
  }

  deadline(ms: number, expired: () => void): () => void {
    const timer = {
      ms,
      fire: () => {
        this.deadlines.delete(timer);
        expired();
      },
    };
    this.deadlines.add(timer);
    return () => this.deadlines.delete(timer);
  }

  /** Ends every pause, and moves the time on by the longest. */
  wake(): void {
    this.time += Math.max(0, ...[...this.sleeping].map((timer) => timer.ms));
    for (const timer of this.sleeping) timer.fire();
  }

  /** Lets every deadline of at least `fromMs` and at most `toMs` pass. */
  expire(fromMs: number, toMs = Number.POSITIVE_INFINITY): void {
    for (const timer of this.deadlines) if (timer.ms >= fromMs && timer.ms <= toMs) timer.fire();
  }
}
