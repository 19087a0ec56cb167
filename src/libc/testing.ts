import { AF_INET6, EAFNOSUPPORT } from './constants.ts';
import type { Libc } from './libc.ts';

/** The calls of a kernel that has no IPv6: it refuses sockets of that family, and is otherwise this one. */
export const withoutIpv6 = (libc: Libc): Libc => {
  let error: number | null = null;
  return {
    ...libc,
    socket: (domain, type, protocol) => {
      error = domain === AF_INET6 ? EAFNOSUPPORT : null;
      return error === null ? libc.socket(domain, type, protocol) : -1;
    },
    errno: () => error ?? libc.errno(),
  };
};
