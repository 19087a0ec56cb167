import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end } from '../load/processes.ts';
import type { LoopDelays, LoopQuestion } from './loop-question.ts';

/** The bundled loop-delay.ts. */
const PROBE = fileURLToPath(new URL('./loop-delay.mjs', import.meta.url));

const READY_EVERY_MS = 5;
const READY_MS = 120_000;

/** A server as a process of its own; a Node.js program tells of its event loop. */
export class ProbedServer {
  readonly #child: ChildProcess;
  readonly #log: string;
  readonly #readyPort: number;

  /** `command` is run as it is; where there is `node` in it, with the probe. What it says goes to the file `log`. */
  constructor(command: readonly string[], log: string, readyPort: number) {
    this.#readyPort = readyPort;
    const output = openSync(log, 'w');
    const node = command.indexOf(process.execPath);
    const isNode = node >= 0;
    const [program = '', ...args] = isNode ? command.toSpliced(node + 1, 0, '--import', PROBE) : command;
    this.#log = log;
    this.#child = spawn(program, args, {
      stdio: isNode ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
    });
    process.once('exit', this.#abandoned);
  }

  readonly #abandoned = (): void => void this.#child.kill('SIGKILL');

  get pid(): number {
    return this.#child.pid as number;
  }

  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** Whether `/ready` says so now. */
  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`http://127.0.0.1:${this.#readyPort}/ready`)).ok;
    } catch {
      return false; // not there yet
    }
  }

  /** Waits until it is ready; gives the ms that took. Rejects where it has ended, or is not within two minutes. */
  async untilReady(): Promise<number> {
    const began = performance.now();
    for (; !(await this.isReady()); await delay(READY_EVERY_MS)) {
      this.checkAlive();
      if (performance.now() - began > READY_MS) throw new Error(`not ready within ${READY_MS} ms:\n${this.log}`);
    }
    return performance.now() - began;
  }

  /** Throws with what it said last where it has ended. */
  checkAlive(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) return;
    throw new Error(`the server ended:\n${this.log.slice(-2000)}`);
  }

  /** Delays of its event loop since the `begin` before. */
  async loopDelays(question: LoopQuestion): Promise<LoopDelays> {
    const answered = once(this.#child, 'message');
    this.#child.send(question);
    const [delays] = (await answered) as [LoopDelays];
    return delays;
  }

  async stop(): Promise<void> {
    process.off('exit', this.#abandoned);
    await end(this.#child);
  }
}
