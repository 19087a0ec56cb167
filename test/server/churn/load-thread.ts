import { Worker } from 'node:worker_threads';
import type { LoadReport, LoadStart } from './load-start.ts';
import { Watermarks } from './watermarks.ts';

/** The load, running in a thread of its own. */
export class LoadThread {
  readonly watermarks = new Watermarks();
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #judged = new Int32Array(new SharedArrayBuffer(4));
  readonly #report: Promise<LoadReport>;

  /** `program`: load.ts, bundled. `rate`: queries a second; left out: as fast as it is answered. */
  constructor(program: URL, port: number, rate = 0) {
    const workerData: LoadStart = {
      port,
      rate,
      shared: this.watermarks.shared,
      stop: this.#stop,
      judged: this.#judged,
    };
    const worker = new Worker(program, { workerData, execArgv: [] });
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
