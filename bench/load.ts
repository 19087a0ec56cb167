// CPU time a query, queries a second, latency and resident memory of running servers, in turn within one run.
//
//   node bench/run.mjs load --server ours=127.0.0.1:1053:PID --server peer=127.0.0.1:2053:PID --queries names.txt
//
// The first server is what the ratios are taken against. Servers are told apart by address and process id only, so any will do.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { dnsperf } from './support/dnsperf.ts';
import { cpuSeconds, residentMiB } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

interface Target {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  readonly cpuMicroseconds: number[];
  readonly perSecond: number[];
  readonly latencyMs: number[];
  lost: number;
  rcodes: string;
}

const { values } = parseArgs({
  options: {
    server: { type: 'string', multiple: true, default: [] as string[] },
    queries: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '8' },
    outstanding: { type: 'string', default: '200' },
    rate: { type: 'string', default: '0' },
    tcp: { type: 'boolean', default: false },
    cpu: { type: 'string' },
  },
});

const readTarget = (text: string): Target => {
  const match = /^([^=]+)=(.+):(\d+):(\d+)$/.exec(text);
  if (match === null) throw new Error(`--server "${text}" is not NAME=ADDRESS:PORT:PID`);
  const [, name, address, port, pid] = match as unknown as [string, string, string, string, string];
  return {
    name,
    address,
    port: Number(port),
    pid: Number(pid),
    cpuMicroseconds: [],
    perSecond: [],
    latencyMs: [],
    lost: 0,
    rcodes: '',
  };
};

const targets = values.server.map(readTarget);
if (targets.length === 0 || values.queries === undefined)
  throw new Error('needs --server NAME=ADDRESS:PORT:PID (repeatable) and --queries FILE');

const measure = async (target: Target, seconds: number): Promise<void> => {
  const before = cpuSeconds(target.pid);
  const result = await dnsperf({
    address: target.address,
    port: target.port,
    queryFile: values.queries as string,
    seconds,
    clients: Number(values.clients),
    outstanding: Number(values.outstanding),
    rate: Number(values.rate),
    isTcp: values.tcp,
    cpu: values.cpu === undefined ? null : Number(values.cpu),
  });
  target.cpuMicroseconds.push(((cpuSeconds(target.pid) - before) * 1e6) / result.completed);
  target.perSecond.push(result.perSecond);
  target.latencyMs.push(result.averageLatency * 1000);
  target.lost += result.lost;
  target.rcodes = result.rcodes;
};

const rounds = Number(values.rounds);
for (const target of targets) {
  await measure(target, 1); // warm-up, not counted
  for (const list of [target.cpuMicroseconds, target.perSecond, target.latencyMs]) list.length = 0;
}
for (let round = 0; round < rounds; round++)
  for (const target of targets) await measure(target, Number(values.seconds));

const first = median(targets[0]?.cpuMicroseconds ?? []);
console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, node ${process.version}; median of ${rounds} rounds of ${values.seconds} s${values.tcp ? ', TCP' : ''}`,
);
console.table(
  targets.map((target) => ({
    server: target.name,
    'CPU us/query': median(target.cpuMicroseconds).toFixed(2),
    'min-max': `${Math.min(...target.cpuMicroseconds).toFixed(2)}-${Math.max(...target.cpuMicroseconds).toFixed(2)}`,
    'x first': (median(target.cpuMicroseconds) / first).toFixed(2),
    'queries/s': Math.round(median(target.perSecond)),
    'latency ms': median(target.latencyMs).toFixed(3),
    'RSS MiB': residentMiB(target.pid).toFixed(0),
    lost: target.lost,
    rcodes: target.rcodes,
  })),
);
