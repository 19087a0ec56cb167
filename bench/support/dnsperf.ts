import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface DnsperfOptions {
  readonly address: string;
  readonly port: number;
  readonly queryFile: string;
  readonly seconds: number;
  readonly clients: number;
  readonly outstanding: number;
  readonly isTcp: boolean;
  /** Queries a second at the most; 0: as many as come back. */
  readonly rate: number;
  /** CPU to pin dnsperf to, or null. */
  readonly cpu: number | null;
  /** With an OPT, EDNS size 4096. Left out: without. */
  readonly isEdns?: boolean;
  /** Network namespace to run it in. Left out: that of the bench. */
  readonly netns?: string;
  /** How often it asks the whole file at the most. Left out: until the time is over. */
  readonly passes?: number;
}

export interface DnsperfResult {
  readonly completed: number;
  readonly lost: number;
  readonly perSecond: number;
  /** Seconds. */
  readonly averageLatency: number;
  /** Share of replies by RCODE, as dnsperf prints it. */
  readonly rcodes: string;
}

/** Runs dnsperf once. Rejects where it can't be run or printed no result. */
export const dnsperf = async (options: DnsperfOptions): Promise<DnsperfResult> => {
  const { address, port, queryFile, seconds, clients, outstanding, isTcp, rate, cpu, isEdns, passes, netns } = options;
  const args = [
    '-s',
    address,
    '-p',
    String(port),
    '-d',
    queryFile,
    '-l',
    String(seconds),
    '-c',
    String(clients),
    '-q',
    String(outstanding),
    '-T',
    '1',
  ];
  if (isTcp) args.push('-m', 'tcp');
  if (isEdns) args.push('-e');
  if (passes !== undefined) args.push('-n', String(passes));
  if (rate > 0) args.push('-Q', String(rate));
  const [command = '', ...all] = [
    ...(netns === undefined ? [] : ['ip', 'netns', 'exec', netns]),
    ...(cpu === null ? [] : ['taskset', '-c', String(cpu)]),
    ...['dnsperf', ...args],
  ];
  const { stdout } = await execute(command, all, { maxBuffer: 1 << 24 });
  const number = (pattern: RegExp): number => {
    const match = pattern.exec(stdout);
    if (match === null) throw new Error(`dnsperf printed no ${pattern.source}:\n${stdout}`);
    return Number(match[1]);
  };
  return {
    completed: number(/Queries completed:\s+(\d+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    perSecond: number(/Queries per second:\s+([\d.]+)/),
    averageLatency: number(/Average Latency \(s\):\s+([\d.]+)/),
    rcodes: /Response codes:\s+(.*)/.exec(stdout)?.[1] ?? '',
  };
};
