import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What a command did. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The process that it was. */
  readonly pid?: number;
}

/** Runs one command to its end. Rejects with CommandError where it can't be started; an exit code other than 0 is a result. */
export type Run = (
  command: string,
  args: readonly string[],
  input?: string | Iterable<string>,
) => Promise<CommandResult>;

/** A command that could not be started, or failed. */
export class CommandError extends Error {
  readonly code = 'command';
  readonly command: string;
  /** null where it did not start or a signal ended it. */
  readonly exitCode: number | null;
  constructor(command: string, exitCode: number | null, message: string, cause?: unknown) {
    super(message, { cause });
    this.command = command;
    this.exitCode = exitCode;
  }
}

/** Long outputs are errors of every line of a long input: the first lines say enough. */
const MAX_STDERR = 64 * 1024;

/** A command that was started and waits for its input. */
export interface StartedCommand {
  /** It has ended already, or never began. */
  readonly isOver: boolean;
  /** To be called once: gives it its input, and what it did when it has ended. Rejects with CommandError where it could not be started. */
  run(input: string | Iterable<string>): Promise<CommandResult>;
  /** Until then it does not keep this program from ending. */
  unref(): void;
}

/** Starts a command of this machine. The only place of the project that starts tools of netfilter. */
export const startCommand = (command: string, args: readonly string[]): StartedCommand => {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: string[] = [];
  let stderr = '';
  let isOver = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => stdout.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < MAX_STDERR) stderr += text;
  });
  const result = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', (error) => reject(startError(command, error as NodeJS.ErrnoException)));
    child.once('close', (exitCode, signal) => {
      if (exitCode === null) reject(new CommandError(command, null, `${command}: ended by ${signal ?? 'a signal'}`));
      else
        resolve({ exitCode, stdout: stdout.join(''), stderr, ...(child.pid === undefined ? {} : { pid: child.pid }) });
    });
  });
  const over = (): void => {
    isOver = true;
  };
  // Whoever gives it its input hears of a fault.
  result.then(over, over);
  child.once('exit', over);
  // A command that ends early, or never started, says why in its exit code: that it did not read all is no news.
  child.stdin.on('error', () => undefined);
  const handles = [child, child.stdin, child.stdout, child.stderr] as readonly Handle[];
  return {
    get isOver() {
      return isOver;
    },
    unref: () => {
      for (const handle of handles) handle.unref();
    },
    run: (input) => {
      for (const handle of handles) handle.ref();
      if (typeof input === 'string') child.stdin.end(input);
      else void pipeline(Readable.from(input), child.stdin).catch(() => undefined);
      return result;
    },
  };
};

/** The pipes of a child are sockets, which their types do not say. */
interface Handle {
  ref(): void;
  unref(): void;
}

/** Runs commands of this machine. */
export const runCommand: Run = (command, args, input = '') => startCommand(command, args).run(input);

/**
 * Runs commands as `runCommand` does, but has the next one of this command line started already when its input comes: for a program as large as this one,
 * starting another takes longer than a small transaction takes the kernel. One that waits ends with this program, without input.
 */
export const startAhead = (command: string, args: readonly string[]): Run => {
  const line = [command, ...args].join(' ');
  let waiting: StartedCommand | null = null;
  return async (asked, askedArgs, input = '') => {
    if ([asked, ...askedArgs].join(' ') !== line) return runCommand(asked, askedArgs, input);
    const started = waiting === null || waiting.isOver ? startCommand(command, args) : waiting;
    waiting = null;
    try {
      return await started.run(input);
    } finally {
      // Behind those who wait for this one.
      setImmediate(() => {
        if (waiting !== null) return;
        waiting = startCommand(command, args);
        waiting.unref();
      });
    }
  };
};

/** Runs a command that must succeed; rejects with CommandError and the first line of what it said. */
export const runOrThrow = async (
  run: Run,
  command: string,
  args: readonly string[],
  input?: string | Iterable<string>,
): Promise<string> => {
  const { exitCode, stdout, stderr } = await run(command, args, input);
  if (exitCode === 0) return stdout;
  const firstLine = stderr.split('\n', 1)[0] || 'no word';
  throw new CommandError(command, exitCode, `${command} ${args.join(' ')}: exit code ${exitCode}: ${firstLine}`);
};

const startError = (command: string, error: NodeJS.ErrnoException): CommandError => {
  const what = error.code === 'ENOENT' ? 'not found on the path' : error.message;
  return new CommandError(command, null, `${command}: ${what}`, error);
};
