import { readdirSync, readFileSync } from 'node:fs';
import type { Metrics } from './metrics.ts';

/** Reads a file of /proc/self, '' where there is none (another operating system). */
export type ReadProc = (file: string) => string;

const readProcSelf: ReadProc = (file) => {
  try {
    return readFileSync(`/proc/self/${file}`, 'latin1');
  } catch {
    return '';
  }
};

const NO_LIMIT = 2 ** 64;

/** Soft limit in a line of /proc/self/limits. */
export const limitOf = (limits: string, what: string): number => {
  const value = new RegExp(`^${what}\\s+(\\S+)`, 'm').exec(limits)?.[1];
  return value === undefined || value === 'unlimited' ? NO_LIMIT : Number(value);
};

/** Descriptors that the process may have open. */
export const descriptorLimit = (read: ReadProc = readProcSelf): number => limitOf(read('limits'), 'Max open files');

/** A number of /proc/self/net/netstat, where a line of names stands above a line of values. */
export const netstatOf = (netstat: string, group: string, field: string): number => {
  const [names, values] = netstat.split('\n').filter((line) => line.startsWith(`${group}: `));
  const at = names?.split(' ').indexOf(field) ?? -1;
  return at < 0 ? 0 : Number(values?.split(' ')[at] ?? 0);
};

const kibOf = (status: string, field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;

const openFds = (): number => {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
};

/** Declares the process_* metrics by the names that Prometheus's Go client gives them; they are read at the scrape. */
export const declareProcess = (metrics: Metrics, read: ReadProc = readProcSelf): void => {
  const startedAt = Date.now() / 1000 - process.uptime();
  const gauge = (name: string, help: string, value: () => number): void =>
    metrics
      .gauge({ name: `process_${name}`, help })
      .at()
      .follow(value);
  const counter = (name: string, help: string, value: () => number): void => {
    metrics
      .observedCounter({ name: `process_${name}`, help })
      .at()
      .follow(value);
  };
  counter('cpu_seconds_total', 'CPU time in user and system mode.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  counter('network_receive_bytes_total', 'Octets received in the network namespace.', () =>
    netstatOf(read('net/netstat'), 'IpExt', 'InOctets'),
  );
  counter('network_transmit_bytes_total', 'Octets sent in the network namespace.', () =>
    netstatOf(read('net/netstat'), 'IpExt', 'OutOctets'),
  );
  gauge('max_fds', 'Limit of open file descriptors.', () => descriptorLimit(read));
  gauge('open_fds', 'Open file descriptors.', openFds);
  gauge('resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  gauge('start_time_seconds', 'Start of the process since 1970.', () => startedAt);
  gauge('virtual_memory_bytes', 'Virtual memory.', () => kibOf(read('status'), 'VmSize'));
  gauge('virtual_memory_max_bytes', 'Limit of virtual memory.', () => limitOf(read('limits'), 'Max address space'));
};
