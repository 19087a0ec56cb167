import type { Log, LogLevel } from './log.ts';

const MAX_TOLD = 8;

/** Says each trouble once until it is over, however often it comes back, and once that it is over. */
export class Trouble {
  readonly #log: Log;
  readonly #mended: string;
  readonly #told = new Set<string>();

  /** `mended`: the line that tells of the end. */
  constructor(log: Log, mended: string) {
    this.#log = log;
    this.#mended = mended;
  }

  get isThere(): boolean {
    return this.#told.size > 0;
  }

  tell(message: string, level: LogLevel = 'error'): void {
    // Words may differ each time, such as numbers in them; more than these are not worth a line each.
    if (this.#told.has(message) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(message);
    this.#log.at(level, message);
  }

  isOver(): void {
    if (this.#told.size === 0) return;
    this.#told.clear();
    this.#log.info(this.#mended);
  }
}
