import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

export interface Outcome {
  /** Exit code; -1 where a signal ended it. */
  readonly code: number;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, at most a minute; rejects only where it can't be started. */
export const outcome = (command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.stdout.on('data', (part: Buffer) => {
      stdout += part.toString();
    });
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString();
    });
    // It may end without reading all of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, signal, stdout, stderr });
    });
  });

/** Runs a command; gives all of its output, or rejects with the last line that it said. */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<string> => {
  const { code, signal, stdout, stderr } = await outcome(command, args, options);
  if (code === 0) return stdout + stderr;
  const last = stderr.trim().split('\n').at(-1) ?? '';
  throw new Error(`${command} ${args[0] ?? ''}: ${last || signal || `exit code ${code}`}`);
};

/** Whether there is a file or directory. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The command's name where it is not installed, else ''. */
export const lacks = async (command: string): Promise<string> => {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = await Promise.all(folders.map((folder) => exists(join(folder, command))));
  return found.includes(true) ? '' : command;
};
