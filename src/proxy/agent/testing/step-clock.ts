import type { Clock } from '#kube/api/clock.ts';

interface Deadline {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that a test moves from one deadline to the next. */
export class StepClock implements Clock {
  time = 0;
  readonly #deadlines = new Set<Deadline>();

  now(): number {
    return this.time;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.deadline(ms, resolve));
  }

  deadline(ms: number, expired: () => void): () => void {
    const deadline = { at: this.time + ms, fire: expired };
    this.#deadlines.add(deadline);
    return () => void this.#deadlines.delete(deadline);
  }

  /** Takes out the first deadline that is due until then; null where there is none. */
  takeDue(until: number): Deadline | null {
    let first: Deadline | null = null;
    for (const deadline of this.#deadlines)
      if (deadline.at <= until && (first === null || deadline.at < first.at)) first = deadline;
    if (first !== null) this.#deadlines.delete(first);
    return first;
  }

  /** Moves on to a time; gives by how much. */
  advance(to: number): number {
    const ms = Math.max(0, to - this.time);
    this.time += ms;
    return ms;
  }
}
