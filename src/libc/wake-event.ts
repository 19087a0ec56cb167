import { EFD_CLOEXEC, EFD_NONBLOCK } from './constants.ts';
import { checked } from './errno.ts';
import type { Libc } from './libc.ts';

const ONE = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** An eventfd that wakes a thread out of `poll` (eventfd(2)). */
export class WakeEvent {
  readonly fd: number;
  readonly #libc: Libc;

  /** `fd`: one that another thread made; left out, a new one. */
  constructor(libc: Libc, fd = checked(libc, 'eventfd', libc.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC))) {
    this.#libc = libc;
    this.fd = fd;
  }

  wake(): void {
    this.#libc.write(this.fd, ONE, 8);
  }

  /** Makes it wake nobody until it is woken again. */
  clear(): void {
    this.#libc.read(this.fd, new Uint8Array(8), 8);
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}
