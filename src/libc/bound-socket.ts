import { AF_INET, AF_INET6, EADDRNOTAVAIL, EAFNOSUPPORT, SOCK_CLOEXEC, SOL_SOCKET } from './constants.ts';
import { checked, SystemCallError } from './errno.ts';
import type { Libc } from './libc.ts';
import { portOf, socketAddress } from './socket-address.ts';

/** Where a socket is bound to: an IP address, or '' for all addresses of both families; a port, or 0 for any. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Sets options of a socket before it is bound; `set` throws SystemCallError. */
export type SetUp = (set: SetOption, fd: number, family: 4 | 6) => void;
export type SetOption = (option: number, value: Uint8Array, level?: number) => void;

/**
 * Opens a socket of this type and binds it; gives its descriptor and port. Throws SystemCallError. For all addresses it takes both
 * families, or IPv4 alone where there is no IPv6.
 */
export const openBound = (
  libc: Libc,
  type: number,
  place: Place,
  setUp: SetUp,
): { readonly fd: number; readonly port: number } => {
  const family = place.host === '' || place.host.includes(':') ? 6 : 4;
  try {
    return openFamily(libc, type, place, setUp, family);
  } catch (error) {
    const isWithoutIPv6 =
      error instanceof SystemCallError && (error.errno === EAFNOSUPPORT || error.errno === EADDRNOTAVAIL);
    if (place.host !== '' || !isWithoutIPv6) throw error;
    return openFamily(libc, type, place, setUp, 4);
  }
};

const openFamily = (
  libc: Libc,
  type: number,
  { host, port }: Place,
  setUp: SetUp,
  family: 4 | 6,
): { readonly fd: number; readonly port: number } => {
  const domain = family === 6 ? AF_INET6 : AF_INET;
  const fd = checked(libc, 'socket', libc.socket(domain, type | SOCK_CLOEXEC, 0));
  try {
    setUp((option, value, level = SOL_SOCKET) => setOption(libc, fd, option, value, level), fd, family);
    const address = socketAddress(host, port, family);
    checked(libc, 'bind', libc.bind(fd, address, address.length));
    const bound = new Uint8Array(32);
    checked(libc, 'getsockname', libc.getsockname(fd, bound, Uint32Array.of(bound.length)));
    return { fd, port: portOf(bound, 0) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
};

/** Throws SystemCallError. */
export const setOption = (libc: Libc, fd: number, option: number, value: Uint8Array, level = SOL_SOCKET): void => {
  checked(libc, 'setsockopt', libc.setsockopt(fd, level, option, value, value.length));
};

/** A C int. */
export const int = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
