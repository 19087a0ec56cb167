import { readFileSync } from 'node:fs';

/** CPU time of this process, ms. */
export const ownCpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const TICK_MS = 10;

/** CPU time of the commands that this process has started, of those that have ended and those that live, ms in steps of 10. From proc(5). */
export const toolCpuMs = (): number => {
  const living = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean);
  const own = statFields('self');
  let ticks = Number(own[13]) + Number(own[14]);
  for (const pid of living) {
    const fields = statFields(pid);
    ticks += Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  }
  return ticks * TICK_MS;
};

/** From the state on, which is field 3. */
const statFields = (pid: string): readonly string[] => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** Resident now, and the most that it was. */
export const memory = (): { readonly residentMiB: number; readonly peakMiB: number } => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const mib = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  return { residentMiB: mib('VmRSS'), peakMiB: mib('VmHWM') };
};
