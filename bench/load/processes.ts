import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ask } from '#test/dns-client.ts';
import type { ServerPlace } from './peer-configs.ts';
import type { ServerKind } from './servers.ts';

const execute = promisify(execFile);

/** Moves a process with all its threads to these CPUs. */
export const pin = async (pid: number, cpus: string): Promise<void> => {
  await execute('taskset', ['-a', '-c', '-p', cpus, `${pid}`]);
};

const children = new Set<ChildProcess>();
// Whatever ends the bench takes with it what the bench has started.
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a program on one CPU; what it writes goes to a file. */
export const startPinned = (command: readonly string[], cpu: number | string, log: string): ChildProcess => {
  const output = openSync(log, 'a');
  const child = spawn('taskset', ['-c', `${cpu}`, ...command], { stdio: ['ignore', output, output] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
};

/** SIGTERM, and SIGKILL for who has not ended in 5 s. */
export const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
};

/** A server that answers. */
export interface RunningServer {
  readonly kind: ServerKind;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a server on a CPU and waits for its first right answer. */
export const startServer = async (kind: ServerKind, place: ServerPlace, cpu: number): Promise<RunningServer> => {
  mkdirSync(place.folder, { recursive: true });
  for (const [name, text] of Object.entries(kind.files(place))) writeFileSync(`${place.folder}/${name}`, text);
  const log = `${place.folder}/log`;
  const child = startPinned(kind.command(place), cpu, log);
  const last = place.services - 1;
  const name = `svc-${last}.load-${last % 10}.svc.cluster.local`;
  const end_ = performance.now() + 60_000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`${kind.name} ended at its start:\n${tail(log)}`);
    if (performance.now() > end_) throw new Error(`${kind.name} gave no right answer within 60 s:\n${tail(log)}`);
    if (await isRight(kind, place.port, name)) break;
    await delay(20);
  }
  return { kind, port: place.port, pid: child.pid as number, stop: () => end(child) };
};

const tail = (log: string): string => readFileSync(log, 'utf8').slice(-2000);

const isRight = async (kind: ServerKind, port: number, name: string): Promise<boolean> => {
  try {
    const reply = await ask({ address: '127.0.0.1', port }, name, 'A', { timeoutMs: 200 });
    return kind.abilities.includes('echo') || reply.answer.length > 0;
  } catch {
    return false; // not there yet
  }
};
