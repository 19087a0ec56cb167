import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { residentMiB } from '../support/process-accounting.ts';

/** CPU time of this process, ms. */
export const ownCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const TICK_MS = 10;

/** CPU time of the commands that this process has started, of those that have ended and those that live, ms in steps of 10. From proc(5). */
export const toolCpuMs = (): number => {
  const own = statFields('self');
  let ticks = Number(own[13]) + Number(own[14]);
  for (const pid of children()) {
    const fields = statFields(pid);
    ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  }
  return ticks * TICK_MS;
};

const children = (): readonly string[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);

/** Ends when the commands that live have nothing to do: one that watches the rules reads them all at first. */
export const untilToolsRest = async (): Promise<void> => {
  for (let before = -1, now = toolCpuMs(); now !== before; now = toolCpuMs()) {
    before = now;
    await delay(500);
  }
};

/** From the state on, which is field 3. */
const statFields = (pid: string): readonly string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** Resident now, the most that it was, and what the commands that live have. */
export const memory = (): { readonly residentMiB: number; readonly peakMiB: number; readonly toolMiB: number } => ({
  residentMiB: residentMiB(process.pid),
  peakMiB: Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024,
  toolMiB: children().reduce((sum, pid) => sum + residentMiB(Number(pid)), 0),
});
