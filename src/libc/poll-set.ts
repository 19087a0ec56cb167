import { POLLIN } from './constants.ts';
import type { Libc } from './libc.ts';

/** Descriptors to wait on until one of them can be read (poll(2)). struct pollfd: fd 4 | events 2 | revents 2. */
export class PollSet {
  readonly #libc: Libc;
  readonly #entries: Int32Array;
  readonly #entriesAt: number;
  readonly #count: number;

  constructor(libc: Libc, fds: readonly number[]) {
    this.#libc = libc;
    this.#entries = Int32Array.from(fds.flatMap((fd) => [fd, POLLIN]));
    this.#entriesAt = libc.addressOf(new Uint8Array(this.#entries.buffer));
    this.#count = fds.length;
  }

  /** Waits; gives how many are ready, 0 after `timeoutMs`, less than 0 where the wait was broken off. */
  wait(timeoutMs: number): number {
    return this.#libc.poll(this.#entriesAt, this.#count, timeoutMs);
  }

  /** True where the last wait found this one ready. */
  isReady(place: number): boolean {
    return (this.#entries[2 * place + 1] as number) >>> 16 !== 0;
  }
}
