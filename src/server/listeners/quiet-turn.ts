import { setImmediate as turn } from 'node:timers/promises';

/** Longest it waits where something new comes in every turn. */
const LIMIT_MS = 500;

/** Resolves once a whole turn of the event loop has left `count` as it was: what had arrived has been read. */
export const quietTurn = async (count: () => number): Promise<void> => {
  const end = performance.now() + LIMIT_MS;
  for (let before = -1; before !== count() && performance.now() < end; ) {
    before = count();
    // The first may come before sockets are looked at again; between it and the second they are.
    await turn();
    await turn();
  }
};
