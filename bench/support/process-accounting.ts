import { readFileSync } from 'node:fs';

/** Ticks of user and system time a second: Linux has had 100 (USER_HZ) on every platform that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU time, user and system, that a process has used, all its threads together. From /proc/PID/stat, proc(5). */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};

/** Resident memory in MiB. */
export const residentMiB = (pid: number): number => {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) / 1024;
};
