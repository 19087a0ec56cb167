import { type FSWatcher, watch as nodeWatch } from 'node:fs';
import { type DirectorySnapshot, snapshotKey, takeSnapshot } from './directory-snapshot.ts';

/** The part of `node:fs` that tells of changes; it throws where it can't. */
export type Watch = (directory: string, listener: () => void) => Pick<FSWatcher, 'on' | 'close'>;

export interface WatcherOptions {
  readonly directories: readonly string[];
  /** Called with a state that differs from the last one given, once nothing has changed for a moment. */
  readonly changed: (snapshots: readonly DirectorySnapshot[]) => void;
  /** Other than `node:fs` in tests. */
  readonly watch?: Watch;
  /** How long a state must stay the same before it counts. */
  readonly settleMs?: number;
  /** How often to look where changes are not told; the default is a second. */
  readonly pollMs?: number;
}

const SETTLE_MS = 25;
const POLL_MS = 1000;
/** For what a watch does not tell: a network file system, a link above the directory that was turned. */
const SAFETY_POLL_MS = 30_000;
/** A writer that never pauses is read all the same. */
const MAX_UNSETTLED = 80;

/**
 * Tells when directories change. The directory is watched and not its files: a watch on a file follows its inode, and misses the second
 * time that a ConfigMap's `..data` link is turned.
 *
 *   idle --event or poll--> unsettled --same state twice--> idle, and `changed` where it is another state
 */
export class DirectoryWatcher {
  readonly #options: WatcherOptions;
  readonly #watches = new Map<string, Pick<FSWatcher, 'on' | 'close'>>();
  #settling: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #given = '';
  #isStopped = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Begins to watch, and gives the state of now: no change after it is missed. */
  start(): readonly DirectorySnapshot[] {
    this.#watchAll();
    const snapshots = this.#snapshots();
    this.#given = snapshotKey(snapshots);
    this.#pollAgain();
    return snapshots;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#settling);
    clearTimeout(this.#poll);
    for (const directory of [...this.#watches.keys()]) this.#unwatch(directory);
  }

  #snapshots(): DirectorySnapshot[] {
    return this.#options.directories.map(takeSnapshot);
  }

  /** Anew each time: a directory that was replaced has the same name, and may have the same inode number. */
  #watchAll(): void {
    for (const directory of this.#options.directories) {
      this.#unwatch(directory);
      try {
        const watch = this.#options.watch ?? watchDirectory;
        const watcher = watch(directory, () => this.#touch());
        watcher.on('error', () => {
          this.#unwatch(directory);
          this.#pollAgain();
        });
        this.#watches.set(directory, watcher);
      } catch {
        // Not there, or no watch to be had: the poll sees it instead, and its snapshot says why.
      }
    }
  }

  #unwatch(directory: string): void {
    this.#watches.get(directory)?.close();
    this.#watches.delete(directory);
  }

  #pollAgain(): void {
    clearTimeout(this.#poll);
    if (this.#isStopped) return;
    const isToldAll = this.#watches.size === new Set(this.#options.directories).size;
    const delayMs = isToldAll ? SAFETY_POLL_MS : (this.#options.pollMs ?? POLL_MS);
    this.#poll = setTimeout(() => {
      if (snapshotKey(this.#snapshots()) !== this.#given) this.#touch();
      else if (!isToldAll) this.#watchAll();
      this.#pollAgain();
    }, delayMs).unref();
  }

  #touch(): void {
    if (this.#isStopped || this.#settling !== undefined) return;
    this.#settle('', 0);
  }

  #settle(before: string, rounds: number): void {
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      if (rounds === 0) this.#watchAll();
      const snapshots = this.#snapshots();
      const now = snapshotKey(snapshots);
      if (now !== before && rounds < MAX_UNSETTLED) this.#settle(now, rounds + 1);
      else this.#give(snapshots, now);
    }, this.#options.settleMs ?? SETTLE_MS).unref();
  }

  #give(snapshots: readonly DirectorySnapshot[], key: string): void {
    this.#pollAgain();
    if (key === this.#given) return;
    this.#given = key;
    this.#options.changed(snapshots);
  }
}

const watchDirectory: Watch = (directory, listener) => nodeWatch(directory, { persistent: false }, listener);
