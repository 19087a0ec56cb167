import { readFile } from 'node:fs/promises';
import type { Log } from '#log/log.ts';
import type { WeightFileOptions } from './options.ts';
import { NO_WEIGHTS, readWeights, type Weights } from './weights.ts';

/** Follows a weight file. What was read last goes on where the file is wrong or gone. */
export class WeightFile {
  weights: Weights = NO_WEIGHTS;
  readonly #options: WeightFileOptions;
  readonly #log: Log;
  #text: string | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: WeightFileOptions, log: Log) {
    this.#options = options;
    this.#log = log;
  }

  /** Reads the file and goes on looking at it. A file that is not there is a warning where `reload` may find it later. */
  async start(): Promise<void> {
    const { path, reloadMs } = this.#options;
    const text = await readText(path);
    if (text !== null) this.#take(text);
    else if (reloadMs === 0) throw new Error(OPEN_ERROR);
    else this.#log.warning(`Failed to open weight file:${OPEN_ERROR}. Will try again in ${durationText(reloadMs)}`);
    if (reloadMs === 0) return;
    this.#timer = setInterval(() => void this.poll(), reloadMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Takes the file's weights over where it has changed. A fault is logged once a change. */
  async poll(): Promise<void> {
    const text = await readText(this.#options.path);
    try {
      if (text === null) this.#log.error(OPEN_ERROR);
      else this.#take(text);
    } catch (error) {
      this.#log.error((error as Error).message);
    }
  }

  #take(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.weights = readWeights(text, this.#options.path);
    this.#log.info(`Successfully reloaded weight file ${this.#options.path}`);
  }
}

const OPEN_ERROR = 'weight file open error';

const readText = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch {
    // CoreDNS has one text for every reason that a file can't be opened.
    return null;
  }
};

/** A duration as Go writes it: `30s`, `1m30s`, `1h0m0s`. */
const durationText = (ms: number): string => {
  const seconds = `${(ms / 1000) % 60}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
};
