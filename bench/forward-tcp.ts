// CPU time and connections a query that goes on to an upstream by TCP.
//
//   node bench/run.mjs forward-tcp [--programs dist/cluster-dns.js,OTHER/dist/cluster-dns.js] [--coredns PATH]
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ask } from '#test/dns-client.ts';
import { until } from '#test/until.ts';
import type { AskerJob, AskerReport } from './asker/job.ts';
import { freePorts } from './load/ports.ts';
import { end, startPinned } from './load/processes.ts';
import { fineCpuSeconds } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    /** Builds to compare, in turn. */
    programs: { type: 'string', default: 'dist/cluster-dns.js' },
    /** The upstream; left out: the first of the programs. */
    coredns: { type: 'string', default: '' },
    rates: { type: 'string', default: '1000,5000,10000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    /** Further lines of the forward. */
    with: { type: 'string', default: '' },
  },
});
const programs = values.programs.split(',').map((path) => resolve(path));
const rates = values.rates.split(',').map(Number);
const [askerCpu, serverCpu] = cpus().length > 1 ? [0, 1] : [0, 0];
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-forward-tcp-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const upstreamPort = await freePorts(16_400, 1 + programs.length);
const portOf = (program: string): number => upstreamPort + 1 + programs.indexOf(program);

const corefile = (name: string, text: string): string => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

const startServer = async (command: readonly string[], port: number, cpu: number): Promise<number> => {
  const child = startPinned(command, cpu, join(folder, `log-${port}`));
  servers.push(child);
  const isUp = () => ask({ address: '127.0.0.1', port }, 'up.example', 'A', { timeoutMs: 200 }).then(() => true);
  await until(() => isUp().catch(() => false), `${command.join(' ')} answers`);
  return child.pid as number;
};
const servers: ReturnType<typeof startPinned>[] = [];

/** Open TCP connections of a process to the upstream. */
const connections = (pid: number): number => {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  const to = `:${upstreamPort.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.filter(([, , remote = '', , , , , , , inode]) => remote.endsWith(to) && own.has(`socket:[${inode}]`))
    .length;
};

/** A descriptor may be gone by now. */
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
};

const QUERIES = corefile('names', Array.from({ length: 20_000 }, (_, i) => `n${i}.example A`).join('\n'));

const load = (port: number, rate: number, seconds: number): Promise<AskerReport> =>
  new Promise((done) => {
    const job: AskerJob = { port, queryFile: QUERIES, rate, seconds, isTcp: false, udpSize: 1232, clients: 8 };
    const script = fileURLToPath(new URL('./ask.mjs', import.meta.url));
    const child = spawn('taskset', ['-c', `${askerCpu}`, process.execPath, script, JSON.stringify(job)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (part) => {
      text += part;
    });
    child.once('close', () => done(JSON.parse(text) as AskerReport));
  });

const upstreamFile = corefile('upstream', `.:${upstreamPort} {\n    bind 127.0.0.1\n    whoami\n}\n`);
const upstreamCommand = values.coredns === '' ? [process.execPath, programs[0] as string] : [resolve(values.coredns)];
await startServer([...upstreamCommand, '-conf', upstreamFile], upstreamPort, askerCpu);
const pids = new Map<string, number>();
for (const program of programs) {
  const port = portOf(program);
  const forward = `forward . 127.0.0.1:${upstreamPort} {\n        force_tcp\n        ${values.with}\n    }`;
  const file = corefile(`server-${port}`, `.:${port} {\n    bind 127.0.0.1\n    ${forward}\n}\n`);
  pids.set(program, await startServer([process.execPath, program, '-conf', file], port, serverCpu));
}

console.log(
  '| program | queries/s | answered | CPU us a query | connections | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|',
);
for (const rate of rates) {
  const rows = new Map(programs.map((program) => [program, [] as number[][]]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (const program of programs) {
      const pid = pids.get(program) as number;
      const before = fineCpuSeconds(pid);
      const report = await load(portOf(program), rate, Number(values.seconds));
      const us = ((fineCpuSeconds(pid) - before) * 1e6) / report.asked;
      const figures = [report.answered / report.asked, us, connections(pid), report.p50 / 1000, report.p99 / 1000];
      rows.get(program)?.push(figures);
    }
  for (const [program, rounds] of rows) {
    const [answered = 0, us = 0, open = 0, p50 = 0, p99 = 0] = [0, 1, 2, 3, 4].map((i) =>
      median(rounds.map((each) => each[i] as number)),
    );
    const share = `${(100 * answered).toFixed(1)} %`;
    console.log(
      `| ${program} | ${rate} | ${share} | ${us.toFixed(1)} | ${open} | ${p50.toFixed(2)} | ${p99.toFixed(2)} |`,
    );
  }
}
for (const server of servers) await end(server);
