import type { Clock } from './clock.ts';

/** Something that ends after a while; the fields belong to the list it is in. */
export interface Timed {
  deadlineMs: number;
  previous: Timed | null;
  next: Timed | null;
  /** Its time is over; it has left the list. */
  expired(): void;
}

/**
 * Waits of one and the same length. The first to come is the first to end, so one timer for the head is enough however many there
 * are, and it is armed again only when it fires: under load that is once per `timeoutMs`, not once a query.
 */
export class DeadlineList {
  readonly timeoutMs: number;
  readonly #clock: Clock;
  #head: Timed | null = null;
  #tail: Timed | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number, clock: Clock) {
    this.timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Starts a wait. */
  add(timed: Timed): void {
    timed.deadlineMs = this.#clock.monotonicMs() + this.timeoutMs;
    timed.previous = this.#tail;
    timed.next = null;
    if (this.#tail === null) this.#head = timed;
    else this.#tail.next = timed;
    this.#tail = timed;
    if (this.#timer === null) this.#arm(this.timeoutMs);
  }

  /** Ends a wait early; the timer stays, since another wait is likely to follow. */
  remove(timed: Timed): void {
    if (timed.previous === null && this.#head !== timed) return;
    if (timed.previous === null) this.#head = timed.next;
    else timed.previous.next = timed.next;
    if (timed.next === null) this.#tail = timed.previous;
    else timed.next.previous = timed.previous;
    timed.previous = null;
    timed.next = null;
  }

  /** Gives the timer back. What still waits is told nothing. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#head = null;
    this.#tail = null;
  }

  #arm(inMs: number): void {
    this.#timer = setTimeout(() => this.#fire(), Math.max(1, Math.ceil(inMs))).unref();
  }

  #fire(): void {
    this.#timer = null;
    const now = this.#clock.monotonicMs();
    while (this.#head !== null && this.#head.deadlineMs <= now) {
      const due = this.#head;
      this.remove(due);
      due.expired();
    }
    if (this.#head !== null && this.#timer === null) this.#arm(this.#head.deadlineMs - now);
  }
}
