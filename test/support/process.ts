import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { outcome } from './command.ts';
import { until } from './until.ts';

/** What `npm run build` makes; `CLUSTER_DNS_PROGRAM` names another build. */
export const PROGRAM =
  process.env.CLUSTER_DNS_PROGRAM ?? fileURLToPath(new URL('../../dist/cluster-dns.js', import.meta.url));

export interface ProcessOptions {
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Name of a network name space to run it in; needs root. */
  readonly netns?: string;
  /** Another program than `PROGRAM`. */
  readonly program?: string;
  /** In place of Node.js with a program. */
  readonly command?: readonly string[];
  /** A command in front that becomes the server, such as `prlimit --nofile=128`. */
  readonly prefix?: readonly string[];
}

/** The built server as a process of its own. */
export class ServerProcess {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #exitCode: number | null = null;
  readonly exited: Promise<number>;

  constructor(
    args: readonly string[],
    {
      cwd,
      stdin,
      env,
      netns,
      program = PROGRAM,
      prefix = [],
      command: own = [process.execPath, program],
    }: ProcessOptions = {},
  ) {
    const inside = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
    const [command = '', ...rest] = [...inside, ...prefix, ...own, ...args];
    const child = spawn(command, rest, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
    child.stdout.on('data', (part: Buffer) => {
      this.#stdout += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      this.#stderr += part.toString();
    });
    this.exited = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        // As a shell counts an end by a signal.
        this.#exitCode = code ?? (signal === 'SIGKILL' ? 137 : 143);
        process.off('exit', this.#abandoned);
        resolve(this.#exitCode);
      });
    });
    // A test process that ends too early takes its servers with it.
    process.once('exit', this.#abandoned);
  }

  readonly #abandoned = (): void => void this.#child.kill('SIGKILL');

  /** `ip netns exec` becomes the server, so it is the server's own id there too. */
  get pid(): number {
    return this.#child.pid as number;
  }

  /** null while it runs. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Resolves once as many lines of standard output begin or match like this; rejects with all it said where it ends before. */
  async saw(pattern: string | RegExp, times = 1): Promise<void> {
    const isMatch = (line: string): boolean =>
      typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line);
    await until(() => {
      if (this.lines.filter(isMatch).length >= times) return true;
      if (this.#exitCode !== null)
        throw new Error(`the server ended with ${this.#exitCode}\n${this.#stdout}${this.#stderr}`);
      return false;
    }, `a line with ${pattern} in\n${this.#stdout}`);
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Seconds of CPU that it has used. */
  cpuSeconds(): number {
    // Behind the command's name, which may have anything in it: user and system time in hundredths.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** MiB of it in memory. */
  residentMiB(): number {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
    return Number(kib) / 1024;
  }

  /** Ends it with SIGTERM, or SIGKILL after ten seconds, and gives the exit code. */
  async stop(): Promise<number> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}

/** Starts the server and waits for the last line of its banner. */
export const startProcess = async (args: readonly string[], options: ProcessOptions = {}): Promise<ServerProcess> => {
  const server = new ServerProcess(args, options);
  try {
    await server.saw(/^\w+\/\w+, node/);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
};

/** Runs the program to its end. */
export const runProgram = (args: readonly string[], options: ProcessOptions = {}) =>
  outcome(process.execPath, [options.program ?? PROGRAM, ...args], {
    ...options,
    env: { ...process.env, ...options.env },
    timeoutMs: 20_000,
  });

const given = new Set<number>();

/** A port that nobody listens on, on any address, below those that connections are given; each only once a test process. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 9000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
