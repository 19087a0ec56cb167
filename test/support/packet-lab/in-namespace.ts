import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const CLONE_NEWNET = 0x40000000;
const setns = koffi.load(null).func('int setns(int, int)') as (fd: number, kind: number) => number;

/** Does something, at once, in the network namespace of this path: a socket stays in the one that it was opened in. Needs root. */
export const inNamespace = <T>(path: string, work: () => T): T => {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  const other = openSync(path, 'r');
  try {
    enter(other);
    return work();
  } finally {
    enter(own);
    closeSync(own);
    closeSync(other);
  }
};

/** Takes this thread into the namespace of this path, with all that it opens and starts from now on; gives the way back. */
export const enterNamespace = (path: string): (() => void) => {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  const other = openSync(path, 'r');
  enter(other);
  closeSync(other);
  return () => {
    enter(own);
    closeSync(own);
  };
};

const enter = (fd: number): void => {
  if (setns(fd, CLONE_NEWNET) < 0) throw new Error(`setns: errno ${koffi.errno()}`);
};
