import type { Log } from '#log/log.ts';

/** Something of the kernel's that says, for a system call or two, whether it may have changed since it was asked last. */
export interface ChangeSource {
  /** Throws SystemCallError. */
  hasChanged(): boolean;
  close(): void;
}

/** How often it is asked: Node.js can wait for none of these sockets, and a thread that could would cost megabytes. */
const PERIOD_MS = 250;

/** Asks a source four times a second, and calls a listener where it has changed: once for a burst. */
export class ChangeWatch {
  readonly #source: ChangeSource;
  readonly #timer: NodeJS.Timeout;

  private constructor(what: string, source: ChangeSource, listener: () => void, log: Pick<Log, 'info'>) {
    this.#source = source;
    this.#timer = setInterval(() => {
      try {
        if (source.hasChanged()) listener();
      } catch (error) {
        this.close();
        log.info(notHeard(what, error));
      }
    }, PERIOD_MS);
    this.#timer.unref();
  }

  /** Takes the source over. Where it can't be had, or fails later, a line says so; null then. `what`: of which it is, for that line. */
  static async open(
    what: 'link' | 'rules',
    source: Promise<ChangeSource>,
    listener: () => void,
    log: Pick<Log, 'info'>,
  ): Promise<ChangeWatch | null> {
    try {
      return new ChangeWatch(what, await source, listener, log);
    } catch (error) {
      log.info(notHeard(what, error));
      return null;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#source.close();
  }
}

const notHeard = (what: string, error: unknown): string =>
  `the ${what} ${what === 'link' ? 'is' : 'are'} looked at each sync only: the kernel can't be heard: ${(error as Error).message}`;
