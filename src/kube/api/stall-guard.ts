import type { Readable } from 'node:stream';
import type { Clock } from './clock.ts';
import { KubeError } from './kube-error.ts';

/** A list that stands still for this long will not go on. */
export const LIST_IDLE_MS = 30_000;

/** Breaks a body off, with KUBE_UNREACHABLE, that brings nothing for a time before its end. */
export class StallGuard {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #broken: () => void;
  #stop: () => void;
  #isOver = false;

  /** `what` is read, for the message; `idleMs` is how long it may bring nothing. */
  constructor(clock: Clock, body: Readable, what: string, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#broken = () => {
      body.destroy(new KubeError('KUBE_UNREACHABLE', `${what} stood still for ${idleMs} ms`));
    };
    this.#stop = clock.deadline(idleMs, this.#broken);
  }

  /** Something came. */
  moved(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#stop = this.#clock.deadline(this.#idleMs, this.#broken);
  }

  end(): void {
    this.#isOver = true;
    this.#stop();
  }
}
