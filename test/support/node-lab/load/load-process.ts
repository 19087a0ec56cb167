import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { inNamespace } from '#test/packet-lab/in-namespace.ts';
import type { Fate, Order, Stream, Told } from './orders.ts';

/** The program that load processes run; removed by `close`. */
export class LoadProgram {
  readonly #directory = mkdtempSync(join(tmpdir(), 'cluster-dns-node-load-'));
  readonly file = join(this.#directory, 'program.cjs');

  static async build(): Promise<LoadProgram> {
    const program = new LoadProgram();
    await build({
      entryPoints: [join(import.meta.dirname, 'program.ts')],
      outfile: program.file,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      logLevel: 'warning',
    });
    return program;
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A load that goes on until it is stopped. */
export interface RunningLoad {
  /** What became of every query, once that is known of the last one. */
  stop(): Promise<readonly Fate[]>;
}

/** The clients of one network namespace: a process, so that they go on whatever the test does. */
export class LoadProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (fates: readonly Fate[]) => void>();
  #lastId = 0;

  /** `namespace`: its name. */
  constructor(program: LoadProgram, namespace: string) {
    this.#child = inNamespace(`/run/netns/${namespace}`, () => fork(program.file, { execArgv: [] }));
    this.#child.on('message', ({ id, fates }: Told) => {
      this.#waiting.get(id)?.(fates);
      this.#waiting.delete(id);
    });
  }

  start(streams: readonly Stream[], lostMs: number): RunningLoad {
    const id = ++this.#lastId;
    this.#send({ kind: 'start', id, streams, lostMs });
    return {
      stop: () =>
        new Promise((resolve) => {
          this.#waiting.set(id, resolve);
          this.#send({ kind: 'stop', id });
        }),
    };
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    // It ends when nobody is there to tell.
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }

  #send(order: Order): void {
    this.#child.send(order);
  }
}
