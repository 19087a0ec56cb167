import { setImmediate as nextTurn } from 'node:timers/promises';

/** ms of work after which other sockets get their turn. */
const TURN_MS = 4;

/** Cuts long work into turns of the event loop, so that queries are answered in between. */
export class Turns {
  #began = performance.now();

  /** Has this turn lasted long enough? */
  isOver(): boolean {
    return performance.now() - this.#began >= TURN_MS;
  }

  /** Resolves in the next turn. */
  async next(): Promise<void> {
    await nextTurn();
    this.#began = performance.now();
  }
}
