import { endianness } from 'node:os';

/** Architectures with 64-bit little-endian words and Linux's generic numbers for socket options; their structures are laid out alike. */
const ARCHITECTURES: ReadonlySet<string> = new Set(['x64', 'arm64', 'riscv64', 'loong64']);

/**
 * The system calls that Node.js has no door to. Memory is passed by address (`addressOf`) or as a typed array. Each gives what the
 * call gives; after a negative result `errno()` tells why, if asked at once.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, octets: number): number;
  connect(fd: number, address: Uint8Array, octets: number): number;
  getsockname(fd: number, address: Uint8Array, octets: Uint32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, octets: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint32Array, octets: Uint32Array): number;
  close(fd: number): number;
  eventfd(initial: number, flags: number): number;
  pipe2(ends: Int32Array, flags: number): number;
  /** Of the calling thread, as all that concerns capabilities. */
  capset(header: Uint32Array, sets: Uint32Array): number;
  read(fd: number, into: Uint8Array, octets: number): number;
  write(fd: number, from: Uint8Array, octets: number): number;
  /** `write` in another thread, where the kernel may take its time over it; `errno()` tells nothing of it. */
  writeAside(fd: number, from: Uint8Array, octets: number): Promise<number>;
  poll(entries: number, count: number, timeoutMs: number): number;
  recvmmsg(fd: number, headers: number, count: number, flags: number, timeout: number): number;
  sendmmsg(fd: number, headers: number, count: number, flags: number): number;
  errno(): number;
  /** Where the octets of a typed array are. They stay there while it lives: being asked moves a small one out of V8's heap. */
  addressOf(memory: Uint8Array): number;
}

/** This platform has no such calls, or they can't be reached; the message says why. */
export class NoLibc extends Error {
  readonly code = 'no-libc';
}

let loaded: Promise<Libc> | null = null;

/**
 * The calls, the same for all who ask in a thread; rejects with NoLibc. The package is loaded here and not before, as whoever does without
 * it should not pay for it.
 */
export const loadLibc = (): Promise<Libc> => {
  loaded ??= load();
  return loaded;
};

const load = async (): Promise<Libc> => {
  if (process.platform !== 'linux') throw new NoLibc(`${process.platform} has no recvmmsg`);
  if (!ARCHITECTURES.has(process.arch) || endianness() !== 'LE')
    throw new NoLibc(`its structures are not known on ${process.arch}`);
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load(null);
    const call = <F>(prototype: string): F => library.func(prototype) as unknown as F;
    const memmove = call<(to: Uint8Array, from: Uint8Array, octets: number) => number>(
      'uintptr_t memmove(void*, void*, size_t)',
    );
    return {
      socket: call('int socket(int, int, int)'),
      bind: call('int bind(int, void*, uint32_t)'),
      connect: call('int connect(int, void*, uint32_t)'),
      getsockname: call('int getsockname(int, void*, void*)'),
      setsockopt: call('int setsockopt(int, int, int, void*, uint32_t)'),
      getsockopt: call('int getsockopt(int, int, int, void*, void*)'),
      close: call('int close(int)'),
      eventfd: call('int eventfd(unsigned int, int)'),
      pipe2: call('int pipe2(void*, int)'),
      capset: call('int capset(void*, void*)'),
      read: call('intptr_t read(int, void*, size_t)'),
      write: call('intptr_t write(int, void*, size_t)'),
      writeAside: aside(library.func('intptr_t write(int, void*, size_t)')),
      poll: call('int poll(uintptr_t, unsigned long, int)'),
      recvmmsg: call('int recvmmsg(int, uintptr_t, unsigned int, int, uintptr_t)'),
      sendmmsg: call('int sendmmsg(int, uintptr_t, unsigned int, int)'),
      errno: () => koffi.errno(),
      // memmove gives its first argument back.
      addressOf: (memory) => memmove(memory, memory, 0),
    };
  } catch (error) {
    throw new NoLibc(`the package koffi does not load: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
};

/** `write` in a thread of the pool; what it writes is kept until it is over. */
const aside =
  (write: { readonly async: (...args: readonly unknown[]) => void }): Libc['writeAside'] =>
  (fd, from, octets) =>
    new Promise((resolve, reject) => {
      const done = (error: unknown, result: number): void => {
        if (error === null || error === undefined) resolve(Math.min(result, from.length));
        else reject(error);
      };
      write.async(fd, from, octets, done);
    });
