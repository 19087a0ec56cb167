import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { end } from '../load/processes.ts';
import { cpuSeconds, fineCpuSeconds, residentMiB } from '../support/process-accounting.ts';

/** What is reachable, after a collection. */
export interface LiveMemory {
  readonly heapMiB: number;
  readonly externalMiB: number;
}

/** What a process takes once it has come to rest. */
export interface RestingMemory extends LiveMemory {
  readonly residentMiB: number;
  /** The most that was resident since its start. */
  readonly peakMiB: number;
}

/** The bundled memory-probe.ts. */
const PROBE = fileURLToPath(new URL('./memory-probe.mjs', import.meta.url));
const PATIENCE_MS = 120_000;
/** A program that has used less than this in a look is at rest. */
const RESTING_CPU_SECONDS = 0.03;
const LOOK_MS = 1000;

/** Our program as a process of its own that tells of its memory. */
export class MeasuredProcess {
  readonly #child: ChildProcess;
  readonly #log: string;

  /** `args` go to the program; what it says goes to the file `log`. */
  constructor(program: string, args: readonly string[], log: string) {
    const output = openSync(log, 'w');
    this.#log = log;
    this.#child = spawn(process.execPath, ['--expose-gc', '--import', PROBE, program, ...args], {
      stdio: ['ignore', output, output, 'ipc'],
    });
    process.once('exit', this.#abandoned);
  }

  readonly #abandoned = (): void => void this.#child.kill('SIGKILL');

  get pid(): number {
    return this.#child.pid as number;
  }

  /** User and system time, s. */
  get cpuSeconds(): number {
    return fineCpuSeconds(this.pid);
  }

  /** Waits until `isThere` says so; rejects where the program has ended, or after two minutes. */
  async until(isThere: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await isThere().catch(() => false))) {
      this.#checkAlive();
      if (performance.now() > deadline) throw new Error(`not there within ${PATIENCE_MS} ms:\n${this.#said}`);
      await delay(50);
    }
  }

  /** Waits until it has nothing to do. */
  async rest(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let before = Number.NEGATIVE_INFINITY; performance.now() < deadline; await delay(LOOK_MS)) {
      this.#checkAlive();
      const now = cpuSeconds(this.pid);
      if (now - before < RESTING_CPU_SECONDS) return;
      before = now;
    }
    throw new Error(`did not come to rest:\n${this.#said}`);
  }

  /** Resident memory first: asking for the rest changes it. */
  async memory(): Promise<RestingMemory> {
    const resident = residentMiB(this.pid);
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    const answered = once(this.#child, 'message');
    this.#child.send('memory');
    const [live] = (await answered) as [LiveMemory];
    return { residentMiB: resident, peakMiB: Number(peak?.[1]) / 1024, ...live };
  }

  async stop(): Promise<void> {
    process.off('exit', this.#abandoned);
    await end(this.#child);
  }

  get #said(): string {
    return readFileSync(this.#log, 'utf8').slice(-2000);
  }

  #checkAlive(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      throw new Error(`the program ended:\n${this.#said}`);
  }
}
