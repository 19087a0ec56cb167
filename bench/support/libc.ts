import koffi from 'koffi';

// The C library's calls that the floor's echo loop and the asker make. Addresses are numbers; flags are Linux's, the same on every architecture
// that Node.js runs on.
const libc = koffi.load(null);
const call = <Call>(prototype: string): Call => libc.func(prototype) as unknown as Call;

export const AF_INET = 2;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;
export const PR_SET_TIMERSLACK = 29;
export const SCHED_RR = 2;

export const socket: (domain: number, type: number, protocol: number) => number = call('int socket(int, int, int)');
export const bind: (fd: number, address: Buffer, length: number) => number = call('int bind(int, void*, uint32_t)');
export const connect: (fd: number, address: Buffer, length: number) => number = call(
  'int connect(int, void*, uint32_t)',
);
export const setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number = call(
  'int setsockopt(int, int, int, void*, uint32_t)',
);
export const send: (fd: number, from: number, length: number, flags: number) => number = call(
  'int64_t send(int, uintptr_t, size_t, int)',
);
export const recv: (fd: number, into: number, length: number, flags: number) => number = call(
  'int64_t recv(int, uintptr_t, size_t, int)',
);
export const recvmmsg: (fd: number, messages: number, count: number, flags: number, timeout: number) => number = call(
  'int recvmmsg(int, uintptr_t, uint32_t, int, uintptr_t)',
);
export const sendmmsg: (fd: number, messages: number, count: number, flags: number) => number = call(
  'int sendmmsg(int, uintptr_t, uint32_t, int)',
);
export const ppoll: (fds: number, count: number, timeout: number, signals: number) => number = call(
  'int ppoll(uintptr_t, ulong, uintptr_t, uintptr_t)',
);
export const prctl: (option: number, value: number, third: number, fourth: number, fifth: number) => number = call(
  'int prctl(int, ulong, ulong, ulong, ulong)',
);
export const sched_setscheduler: (thread: number, policy: number, priority: Buffer) => number = call(
  'int sched_setscheduler(int, int, void*)',
);
export const errno = (): number => koffi.errno();

const memmove: (to: Buffer, from: Buffer, length: number) => number = call('uintptr_t memmove(void*, void*, size_t)');

/** Where a buffer's octets are: memmove returns its first argument. It stays there as long as the buffer lives. */
export const addressOf = (buffer: Buffer): number => memmove(buffer, buffer, 0);

/** A sockaddr_in of 127.0.0.1. */
export const loopback = (port: number): Buffer => {
  const address = Buffer.alloc(16);
  address.writeUInt16LE(AF_INET, 0);
  address.writeUInt16BE(port, 2);
  address.writeUInt32BE(0x7f000001, 4);
  return address;
};

/** Says which call failed, and how. */
export const check = (call: string, result: number): number => {
  if (result < 0) throw new Error(`${call}: errno ${errno()}`);
  return result;
};
