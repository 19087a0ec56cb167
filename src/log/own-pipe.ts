import { constants, fstatSync, openSync } from 'node:fs';

/**
 * A descriptor for the same pipe that does not block when nobody reads, or the given one where it is no pipe or can't be opened again. A
 * write that blocks would hold a thread of Node.js's pool for ever, and the end of the process waits for that thread. The flag is not set on the given descriptor, as
 * that belongs to whoever else writes to the pipe, too.
 */
export const ownPipe = (fd: number): number => {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    // Closed, another user's, or no /proc: then it is as it was given.
    return fd;
  }
};
