import type { Readable } from 'node:stream';
import type { Clock } from './clock.ts';
import { KubeError } from './kube-error.ts';

/** What stands still for this long will not go on. */
const IDLE_MS = 30_000;

/** Breaks a body off, with KUBE_UNREACHABLE, that brings nothing for 30 s before its end. */
export class StallGuard {
  readonly #clock: Clock;
  readonly #broken: () => void;
  #stop: () => void;
  #isOver = false;

  /** `what` is read, for the message. */
  constructor(clock: Clock, body: Readable, what: string) {
    this.#clock = clock;
    this.#broken = () => {
      body.destroy(new KubeError('KUBE_UNREACHABLE', `${what} stood still for ${IDLE_MS} ms`));
    };
    this.#stop = clock.deadline(IDLE_MS, this.#broken);
  }

  /** Something came. */
  moved(): void {
    if (this.#isOver) return;
    this.#stop();
    this.#stop = this.#clock.deadline(IDLE_MS, this.#broken);
  }

  end(): void {
    this.#isOver = true;
    this.#stop();
  }
}
