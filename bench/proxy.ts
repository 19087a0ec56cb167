// What the Service proxy's rules cost: a full sync, one change, CPU time, memory, and new connections through them, by layout and number of Services.
//
//   node bench/run.mjs proxy [--sizes 100,1000,5000,20000,50000] [--layouts maps,chains,legacy,nft] [--quick] [--connections 400] [--changes 10] [--profile DIR]
//
// Needs root, nft, iptables of both variants. Every row is a process of its own in network namespaces of its own, and has 120 s.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SERVER_PORT } from './proxy/cluster.ts';
import { BenchLab } from './proxy/lab.ts';
import type { ChangeCost, Layout, RowJob, RowResult } from './proxy/row.ts';
import { machine } from './support/machine.ts';

const ROW_MS = 120_000;
/** What grows with the square of the Services ends here. */
const QUADRATIC_LIMIT = 5000;

const LAYOUTS: Readonly<Record<string, { readonly layout: Layout; readonly limit: number }>> = {
  maps: { layout: 'nftables, maps', limit: Infinity },
  chains: { layout: 'nftables, a chain per Service', limit: QUADRATIC_LIMIT },
  legacy: { layout: 'iptables-legacy', limit: 20_000 },
  nft: { layout: 'iptables-nft', limit: QUADRATIC_LIMIT },
};

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '100,1000,5000,20000,50000' },
    layouts: { type: 'string', default: Object.keys(LAYOUTS).join(',') },
    quick: { type: 'boolean', default: false },
    connections: { type: 'string', default: '400' },
    changes: { type: 'string', default: '10' },
    profile: { type: 'string' },
  },
});
if (process.getuid?.() !== 0) throw new Error('needs root');
const sizes = values.quick ? [100, 1000] : values.sizes.split(',').map(Number);
const programs = fileURLToPath(new URL('.', import.meta.url));

/** Of Node.js, for a profile of each row. */
const PROFILED = values.profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', values.profile];

/** The row's figures, or why there are none. */
const measure = async (job: Omit<RowJob, 'client' | 'programs'>): Promise<RowResult | string> => {
  const lab = new BenchLab(`${job.services}`);
  const listener = inside(lab.pods, 'listener.mjs', String(SERVER_PORT));
  try {
    await once(listener.stdout as NodeJS.ReadableStream, 'data');
    return await row(lab, { ...job, client: lab.client, programs });
  } finally {
    listener.stdin?.end();
    await once(listener, 'close');
    lab.remove();
  }
};

const row = async (lab: BenchLab, job: RowJob): Promise<RowResult | string> => {
  const child = inside(lab.node, 'measure.mjs', JSON.stringify(job), PROFILED);
  let out = '';
  let said = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    // Its group: it has started tools.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, ROW_MS);
  const [status] = await once(child, 'close');
  clearTimeout(limit);
  if (isLate) return `over ${ROW_MS / 1000} s`;
  if (status !== 0) return `failed: ${/^\w*Error.*$/m.exec(said)?.[0] ?? said}`;
  if (said !== '') console.error(said);
  return JSON.parse(out) as RowResult;
};

const inside = (namespace: string, program: string, argument: string, flags: readonly string[] = []): ChildProcess =>
  spawn('ip', ['netns', 'exec', namespace, process.execPath, ...flags, join(programs, program), argument], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });

const ms = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
const cost = ({ kernel, median, worst }: ChangeCost): string =>
  `${kernel === undefined ? '' : `${ms(kernel)}, `}${ms(median)} (${ms(worst)})`;

/** A row of the table; latencies also beside those of the layout's first size. */
const printed = (
  job: { readonly services: number; readonly endpoints: number },
  result: RowResult | string,
  first: RowResult | undefined,
) => {
  const size = `${job.services} x ${job.endpoints}`;
  if (typeof result === 'string') return { size, 'full ms': result };
  const { latency } = result;
  const ratio = (of: 'median' | 'p99'): string =>
    first === undefined || first === result ? '' : ` (${(latency[of] / first.latency[of]).toFixed(2)} x)`;
  return {
    size,
    'full ms': ms(result.fullMs),
    'model ms': ms(result.modelMs),
    'CPU s, own + tools': `${(result.ownCpuMs / 1000).toFixed(2)} + ${(result.toolCpuMs / 1000).toFixed(2)}`,
    'endpoint removed ms': cost(result.endpointRemoved),
    'Service added ms': cost(result.serviceAdded),
    'CPU ms, own + tools': [result.endpointRemoved, result.serviceAdded]
      .map((each) => `${ms(each.ownCpuMs)} + ${ms(each.toolCpuMs)}`)
      .join(', '),
    'iptables -A ms': result.appendMs === undefined ? '' : ms(result.appendMs),
    'RSS MiB (peak) + tools': `${result.residentMiB.toFixed(0)} (${result.peakMiB.toFixed(0)}) + ${result.toolMiB.toFixed(0)}`,
    'connect us': `${latency.median.toFixed(0)}${ratio('median')}`,
    'p99 us': `${latency.p99.toFixed(0)}${ratio('p99')}`,
  };
};

const version = (command: string, ...args: readonly string[]): string =>
  (spawnSync(command, args, { encoding: 'utf8' }).stdout ?? '').split('\n', 1)[0] || `${command}: not there`;

console.log(
  `${machine()}, ${version('nft', '--version')}, ${version('iptables-legacy', '--version')}, ${version('iptables-nft', '--version')}`,
);
console.log(
  'Times of changes: of nftables until the kernel has it, median; until the tool has ended, median (worst). Latency: a new TCP connection from a client behind the node, beside the first row.',
);
for (const name of values.layouts.split(',')) {
  const chosen = LAYOUTS[name];
  if (chosen === undefined) throw new Error(`--layouts: ${name} is none of ${Object.keys(LAYOUTS).join(', ')}`);
  const jobs = [
    ...sizes.map((services) => ({ services, endpoints: 2 })),
    ...(values.quick ? [] : [{ services: 1, endpoints: 10_000 }]),
  ];
  const rows: object[] = [];
  let first: RowResult | undefined;
  let reached = 0;
  for (const { services, endpoints } of jobs) {
    if (services > chosen.limit) continue;
    const job = {
      layout: chosen.layout,
      services,
      endpoints,
      changes: Number(values.changes),
      connections: Number(values.connections),
    };
    const result = await measure(job);
    if (typeof result !== 'string') {
      first ??= result;
      reached = Math.max(reached, services);
    }
    rows.push(printed(job, result, first));
  }
  console.log(
    `\n${chosen.layout}: reached ${reached} Services x 2${chosen.limit < Math.max(...sizes) ? `; ends at ${chosen.limit}` : ''}`,
  );
  console.table(rows);
}
