import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { end } from '../load/processes.ts';

/** A line of the agent about a sync that the kernel has acknowledged. */
const SYNC = /IPv4: (?:partial|full) sync of/;
const PATIENCE_MS = 120_000;

/** `cluster-dns proxy run`, and when it says that rules are in the kernel. */
export class AgentProcess {
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  /** When each sync was told. */
  readonly #syncs: number[] = [];
  #told: (() => void) | null = null;
  #taken = 0;

  /** `command`: Node.js and the program. */
  constructor(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv) {
    const [node = '', ...program] = command;
    this.#child = spawn(node, [...program, 'proxy', 'run', '-v4', ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', this.#abandoned);
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#lines.push(line);
      if (SYNC.test(line)) this.#syncs.push(performance.now());
      this.#told?.();
    });
    this.#child.once('close', () => this.#told?.());
  }

  /** Takes all rules away. */
  static cleanUp(command: readonly string[], env: NodeJS.ProcessEnv): void {
    const [node = '', ...program] = command;
    spawnSync(node, [...program, 'proxy', 'cleanup'], { env: { ...process.env, ...env } });
  }

  readonly #abandoned = (): void => void this.#child.kill('SIGKILL');

  get pid(): number {
    return this.#child.pid as number;
  }

  /** What went wrong with rules. */
  get troubles(): readonly string[] {
    return this.#lines.filter((line) => /^\[(WARNING|ERROR)\] proxy: (IPv4|nftables|iptables)/.test(line));
  }

  /** When the next sync was told that nobody has asked for yet. */
  async nextSync(): Promise<number> {
    const late = setTimeout(() => this.#told?.(), PATIENCE_MS);
    const deadline = performance.now() + PATIENCE_MS;
    try {
      for (;;) {
        const at = this.#syncs[this.#taken];
        if (at !== undefined) {
          this.#taken++;
          return at;
        }
        if (this.#child.exitCode !== null || this.#child.signalCode !== null || performance.now() >= deadline)
          throw new Error(`no sync; the agent said:\n${this.#lines.slice(-20).join('\n')}`);
        await new Promise<void>((resolve) => {
          this.#told = resolve;
        });
      }
    } finally {
      clearTimeout(late);
    }
  }

  /** Throws where there was a sync that nobody waited for: a time would belong to another change. */
  expectNoSync(): void {
    if (this.#syncs.length !== this.#taken)
      throw new Error(`a sync too many; the agent said:\n${this.#lines.slice(-20).join('\n')}`);
  }

  /** The time of its first sync's writing, as it says. */
  get fullSync(): string {
    return (
      /full sync of .* (?:lines|line) in ([^;]+)/.exec(this.#lines.find((line) => SYNC.test(line)) ?? '')?.[1] ?? ''
    );
  }

  async stop(): Promise<void> {
    process.off('exit', this.#abandoned);
    const closed = once(this.#child, 'close');
    await end(this.#child);
    await closed;
  }
}
