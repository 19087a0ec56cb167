import { setImmediate as nextTurn } from 'node:timers/promises';

/** ms of work after which other sockets get their turn. */
const TURN_MS = 2;

/**
 * Cuts long work into turns of the event loop, so that queries are answered in between. There is one event loop, so all who work
 * long share its turns: three lists that arrive together take no longer a turn than one.
 */
class Turns {
  #began = 0;
  /** Resolves in the next turn; null where nobody has worked in this one. */
  #next: Promise<void> | null = null;

  /** Has this turn's work lasted long enough? */
  isOver(): boolean {
    this.#begin();
    return performance.now() - this.#began >= TURN_MS;
  }

  /** Resolves in the next turn; others may have used that up by then. */
  next(): Promise<void> {
    return this.#begin();
  }

  #begin(): Promise<void> {
    if (this.#next === null) {
      this.#began = performance.now();
      this.#next = nextTurn().then(() => {
        this.#next = null;
      });
    }
    return this.#next;
  }
}

export const turns = new Turns();
