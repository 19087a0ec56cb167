import { getSystemErrorName } from 'node:util';
import { EAGAIN, EINTR } from './constants.ts';
import type { Libc } from './libc.ts';

/** A system call that failed, with the name of its errno as `code`, as Node.js's own errors have it. */
export class SystemCallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
    this.errno = errno;
    this.syscall = call;
  }
}

/** True where there was nothing to be had just now, or a signal came: not a fault of the socket's. */
export const isPassing = (errno: number): boolean => errno === EINTR || errno === EAGAIN;

/** The result of a call, or the error that it tells of. To be given the result directly: nothing may come between it and errno. */
export const checked = (libc: Libc, call: string, result: number): number => {
  if (result < 0) throw new SystemCallError(call, libc.errno());
  return result;
};
