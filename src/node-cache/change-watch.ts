import type { Log } from '#log/log.ts';

/** Something of the kernel's that says, for a system call or two, whether it may have changed since it was asked last. */
export interface ChangeSource {
  /** Throws SystemCallError. */
  hasChanged(): boolean;
  close(): void;
}

/** How often it is asked: Node.js can wait for none of these sockets, and a thread that could would cost megabytes. */
const PERIOD_MS = 250;

/** Asks sources four times a second, and calls a listener where one has changed: once for a burst. */
export class ChangeWatch {
  readonly #sources: readonly ChangeSource[];
  readonly #timer: NodeJS.Timeout;

  /** Takes the sources over. One that fails ends the watch, and a line says so. */
  constructor(sources: readonly ChangeSource[], listener: () => void, log: Pick<Log, 'info'>) {
    this.#sources = sources;
    this.#timer = setInterval(() => {
      try {
        // All of them are asked: what one has to say must not wait behind another.
        if (sources.filter((source) => source.hasChanged()).length > 0) listener();
      } catch (error) {
        this.close();
        log.info(`changes by others are looked for at each sync only: ${(error as Error).message}`);
      }
    }, PERIOD_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const source of this.#sources) source.close();
  }
}
