import type { Log } from '#log/log.ts';
import { Trouble } from '#log/trouble.ts';
import type { Checked, NodeCacheMetrics, SetupErrorType } from './metrics.ts';

/** Several changes by one hand are one repair. */
const SETTLES_MS = 50;
/** After a repair that failed, and the least between two: somebody who undoes each repair must not keep this process busy. */
const PAUSE_MS = 250;

interface RepairerParts {
  readonly what: Checked;
  readonly errorType: SetupErrorType;
  /** Gives a line for each thing that was wrong; rejects where it stays wrong. */
  readonly repair: () => Promise<readonly string[]>;
  readonly onEnd: (isRight: boolean) => void;
  /** Between two looks that nobody asked for. */
  readonly syncMs: number;
  readonly metrics: NodeCacheMetrics;
  readonly log: Log;
}

/** Keeps something as it should be: looks when it is told of a change, and from time to time. */
export class Repairer {
  readonly #parts: RepairerParts;
  readonly #trouble: Trouble;
  #timer: NodeJS.Timeout | null = null;
  #dueMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #isStopped = false;

  constructor(parts: RepairerParts) {
    this.#parts = parts;
    this.#trouble = new Trouble(parts.log, `the ${parts.what} can be looked after again`);
  }

  start(): void {
    this.#in(this.#parts.syncMs);
  }

  /** Something has changed. */
  soon(): void {
    this.#in(Math.max(SETTLES_MS, this.#lastMs + PAUSE_MS - performance.now()));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  #in(ms: number): void {
    const dueMs = performance.now() + ms;
    if (this.#isStopped || dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    if (this.#running !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), ms);
  }

  #run(): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#running = this.#repair().finally(() => {
      this.#running = null;
      this.#lastMs = performance.now();
      const dueMs = this.#dueMs;
      this.#dueMs = Number.POSITIVE_INFINITY;
      this.#in(Math.min(this.#parts.syncMs, Math.max(PAUSE_MS, dueMs - this.#lastMs)));
    });
  }

  async #repair(): Promise<void> {
    const { repair, metrics, log, what, errorType, onEnd } = this.#parts;
    try {
      const lines = await repair();
      for (const line of lines) log.warning(line);
      metrics.checked(what, lines.length);
      this.#trouble.isOver();
      onEnd(true);
    } catch (error) {
      metrics.error(errorType);
      onEnd(false);
      this.#trouble.tell(`the ${what} can't be put right: ${(error as Error).message}; trying again`);
      this.soon();
    }
  }
}
