import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { Calls, Order, Reply } from './traffic/orders.ts';

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The thread that all clients and servers of a lab live in, so that they go on while the test computes. */
export class Traffic {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (reply: Reply) => this.#heard(reply));
    worker.on('error', (error) => this.#failAll(error));
    worker.on('exit', () => this.#failAll(new Error('the traffic program has ended')));
  }

  static async start(): Promise<Traffic> {
    // Below node_modules, so that koffi, which brings a binary and can't be bundled, is found from there.
    const cache = join(import.meta.dirname, '../../../node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    const place = mkdtempSync(join(cache, 'cluster-dns-packets-'));
    try {
      const outfile = join(place, 'program.mjs');
      await build({
        entryPoints: [join(import.meta.dirname, 'traffic/program.ts')],
        outfile,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        external: ['koffi'],
        logLevel: 'warning',
      });
      const traffic = new Traffic(new Worker(outfile));
      // It has read itself once it answers.
      await traffic.call('listen', []);
      return traffic;
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  }

  call<N extends keyof Calls>(call: N, ...args: Parameters<Calls[N]>): Promise<Awaited<ReturnType<Calls[N]>>> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#worker.postMessage({ id, call, args } satisfies Order);
    });
  }

  async stop(): Promise<void> {
    await this.call('close');
    await this.#worker.terminate();
  }

  #heard(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.result);
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
