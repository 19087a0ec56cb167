import koffi from 'koffi';
import { loadLibc } from '#libc/libc.ts';

/** The server's own calls, for the asker and the floor. */
export const libc = await loadLibc();
export const { addressOf } = libc;

// Those that only they make.
const library = koffi.load(null);
const call = <Call>(prototype: string): Call => library.func(prototype) as unknown as Call;

export const MSG_WAITFORONE = 0x10000;
export const SOCK_STREAM = 1;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const SO_LINGER = 13;
export const PR_SET_TIMERSLACK = 29;
export const SCHED_RR = 2;

export const send: (fd: number, from: number, octets: number, flags: number) => number = call(
  'int64_t send(int, uintptr_t, size_t, int)',
);
export const recv: (fd: number, into: number, octets: number, flags: number) => number = call(
  'int64_t recv(int, uintptr_t, size_t, int)',
);
export const ppoll: (fds: number, count: number, timeout: number, signals: number) => number = call(
  'int ppoll(uintptr_t, unsigned long, uintptr_t, uintptr_t)',
);
export const prctl: (option: number, value: number, third: number, fourth: number, fifth: number) => number = call(
  'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)',
);
export const sched_setscheduler: (pid: number, policy: number, parameter: Buffer) => number = call(
  'int sched_setscheduler(int, int, void*)',
);
export const listen: (fd: number, backlog: number) => number = call('int listen(int, int)');
