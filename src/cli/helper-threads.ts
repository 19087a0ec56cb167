import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Under one core that both want, a helper gets a tenth of it. */
const NICE = 10;

/**
 * Lets V8's helper threads, which collect garbage beside the main thread, give way to the threads that answer. Where they share a core with
 * them a collection took four fifths of it for tens of ms. To be called before any other thread is started: all that run by then are theirs.
 * Where a thread can't be found or changed, nothing is.
 */
export const yieldToQueries = (): void => {
  try {
    for (const thread of readdirSync('/proc/self/task').map(Number))
      if (thread !== process.pid) setPriority(thread, NICE);
  } catch {
    return; // not Linux, or not allowed
  }
};
