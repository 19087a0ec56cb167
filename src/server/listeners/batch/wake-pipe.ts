import { Socket } from 'node:net';
import { O_CLOEXEC, O_NONBLOCK } from '#libc/constants.ts';
import { checked } from '#libc/errno.ts';
import type { Libc } from '#libc/libc.ts';

/**
 * How listener threads wake the main thread: a pipe that the event loop reads. A message port would do it too, and costs several
 * times as much each time.
 */
export class WakePipe {
  /** The end that threads write to. */
  readonly writeFd: number;
  readonly #libc: Libc;
  readonly #socket: Socket;

  constructor(libc: Libc, woken: () => void) {
    const ends = new Int32Array(2);
    checked(libc, 'pipe2', libc.pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    this.#libc = libc;
    this.writeFd = ends[1] as number;
    this.#socket = new Socket({
      fd: ends[0] as number,
      readable: true,
      writable: false,
      onread: {
        buffer: Buffer.alloc(256),
        callback: () => {
          woken();
          return true;
        },
      },
    } as ConstructorParameters<typeof Socket>[0]);
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
    this.#libc.close(this.writeFd);
  }
}
