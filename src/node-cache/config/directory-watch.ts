import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';

/** Tells of changes in a directory, where the system does; throws where it can't. */
export type WatchDirectory = (directory: string, onEvent: () => void, onEnd: () => void) => { close(): void };

/** By inotify. */
export const watchBySystem: WatchDirectory = (directory, onEvent, onEnd) => {
  const watcher = watch(directory, { persistent: false }, onEvent);
  watcher.on('error', onEnd);
  return watcher;
};

/**
 * A directory whose changes are told as long as there is one of its name: it may come later, go, or be another one. Not every file system tells of
 * changes, so somebody has to look besides.
 */
export class DirectoryWatch {
  readonly #directory: string;
  readonly #onEvent: () => void;
  readonly #watchDirectory: WatchDirectory;
  #watcher: { close(): void } | null = null;
  /** Which one is watched. */
  #identity = '';
  #isClosed = false;

  constructor(directory: string, onEvent: () => void, watchDirectory = watchBySystem) {
    this.#directory = directory;
    this.#onEvent = onEvent;
    this.#watchDirectory = watchDirectory;
  }

  /** Watches the directory that has the name now; to be called now and then. Never rejects. */
  async renew(): Promise<void> {
    const identity = await stat(this.#directory).then(
      ({ dev, ino }) => `${dev}:${ino}`,
      () => '',
    );
    if (this.#isClosed || (identity === this.#identity && this.#watcher !== null)) return;
    this.#end();
    if (identity === '') return;
    try {
      this.#watcher = this.#watchDirectory(this.#directory, this.#onEvent, () => this.#end());
      this.#identity = identity;
    } catch {
      // No inotify here, or none left: the looks have to do, and the next one tries again.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    this.#watcher?.close();
    this.#watcher = null;
    this.#identity = '';
  }
}
