import { checked } from './errno.ts';
import type { Libc } from './libc.ts';

/** Throws SystemCallError where the process may not open this many descriptors more. */
export const requireDescriptors = (libc: Libc, count: number): void => {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(checked(libc, 'eventfd', libc.eventfd(0, 0)));
  } finally {
    for (const fd of opened) libc.close(fd);
  }
};
