import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of user and system time a second: Linux has had 100 (USER_HZ) on every platform that Node.js runs on. */
const TICKS_PER_SECOND = 100;

/** Seconds of CPU time, user and system, that a process has used, all its threads together. From /proc/PID/stat, proc(5). */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};

/**
 * The same to the nanosecond, for loads so small that a tick of 10 ms is a large part: the run times of the threads that live now, from
 * /proc/PID/task/TID/schedstat. A thread that ends takes its time with it, so it is for servers whose threads stay.
 */
export const fineCpuSeconds = (pid: number): number => {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds / 1e9;
};

/** Seconds that a CPU was not idle, stolen time included, since the machine's start. From /proc/stat. */
export const busySeconds = (cpu: number): number => {
  const line =
    readFileSync('/proc/stat', 'utf8')
      .split('\n')
      .find((each) => each.startsWith(`cpu${cpu} `)) ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0, stolen = 0] = line.split(' ').slice(1).map(Number);
  return (user + nice + system + irq + softIrq + stolen) / TICKS_PER_SECOND;
};

/** Resident memory in MiB. */
export const residentMiB = (pid: number): number => {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) / 1024;
};

/** The same of the processes that it has started and that still run. */
export const childrenMiB = (pid: number): number =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean))
    .reduce((sum, child) => sum + residentMiB(Number(child)), 0);
