import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { residentMiB } from '../support/process-accounting.ts';

/** CPU time of this process, ms. */
export const ownCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const TICK_MS = 10;

/** CPU time of the commands that a process has started, of those that have ended and those that live, ms in steps of 10. From proc(5). */
export const toolCpuMs = (parent = process.pid): number => {
  const own = statFields(parent);
  let ticks = Number(own[13]) + Number(own[14]);
  for (const pid of children(parent)) {
    const fields = statFields(pid);
    ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  }
  return ticks * TICK_MS;
};

const children = (parent: number): readonly number[] =>
  readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').split(' ').filter(Boolean).map(Number);

/** Ends when the commands that live have nothing to do: one that watches the rules reads them all at first. */
export const untilToolsRest = async (parent = process.pid): Promise<void> => {
  for (let before = -1, now = toolCpuMs(parent); now !== before; now = toolCpuMs(parent)) {
    before = now;
    await delay(500);
  }
};

/** From the state on, which is field 3. */
const statFields = (pid: number): readonly string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

export interface Memory {
  /** Now. */
  readonly residentMiB: number;
  /** The most that it was. */
  readonly peakMiB: number;
  /** Of the commands that live. */
  readonly toolMiB: number;
}

/** Resident memory of a process that has started commands. */
export const memory = (pid = process.pid): Memory => ({
  residentMiB: residentMiB(pid),
  peakMiB: Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  toolMiB: children(pid).reduce((sum, child) => sum + residentMiB(child), 0),
});
