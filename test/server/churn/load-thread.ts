import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { LoadReport, LoadStart } from './load-start.ts';
import { Watermarks } from './watermarks.ts';

/** The load's program as a file, because a worker of Node.js 20 runs no TypeScript. */
export class LoadProgram {
  readonly url: URL;
  readonly #place: string;

  private constructor(place: string) {
    this.#place = place;
    this.url = pathToFileURL(join(place, 'load.mjs'));
  }

  static async build(): Promise<LoadProgram> {
    // Below node_modules, so that koffi, which brings a binary and can't be bundled, is found from there.
    const cache = join(import.meta.dirname, '../../../node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    const program = new LoadProgram(mkdtempSync(join(cache, 'cluster-dns-load-')));
    await build({
      entryPoints: [join(import.meta.dirname, 'load.ts')],
      outfile: join(program.#place, 'load.mjs'),
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      external: ['koffi'],
      banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
      logLevel: 'warning',
    });
    return program;
  }

  remove(): void {
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** The load, running in a thread of its own. */
export class LoadThread {
  readonly watermarks = new Watermarks();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #judged = new Int32Array(new SharedArrayBuffer(4));
  readonly #report: Promise<LoadReport>;

  constructor({ url }: LoadProgram, port: number) {
    const workerData: LoadStart = { port, shared: this.watermarks.shared, stop: this.#stop, judged: this.#judged };
    const worker = new Worker(url, { workerData, execArgv: [] });
    this.#report = new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    // Told by `stop`.
    this.#report.catch(() => undefined);
  }

  /** Replies judged so far. */
  get judged(): number {
    return Atomics.load(this.#judged, 0);
  }

  stop(): Promise<LoadReport> {
    Atomics.store(this.#stop, 0, 1);
    return this.#report;
  }
}
