// What the node-local cache costs: CPU time a cached query over UDP and TCP, resident memory, and the time from the start to the first answer on the
// ClusterIP; beside another node-cache where one is named.
//
//   node bench/run.mjs node-cache [--beside PATH] [--as node-cache|serve] [--rounds 5] [--seconds 2] [--starts 5] [--names 10000] [--node=--FLAG]
//
// NODE_CACHE_BESIDE names the other program, too. Needs root, ip, dnsperf, taskset, and nft or iptables as the programs do. Everything is in network
// namespaces of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { end, startPinned } from './load/processes.ts';
import { CLUSTER_IP, hasDummyLinks, NodeCacheLab, POD_IP, UPSTREAM_IP } from './node-cache/lab.ts';
import { COREFILE, ENVIRONMENT, other, ours, type Program, TEMPLATE } from './node-cache/programs.ts';
import { dnsperf } from './support/dnsperf.ts';
import { machine } from './support/machine.ts';
import { childrenMiB, cpuSeconds, residentMiB } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    beside: { type: 'string', default: process.env.NODE_CACHE_BESIDE ?? '' },
    as: { type: 'string', default: 'auto' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    starts: { type: 'string', default: '5' },
    names: { type: 'string', default: '10000' },
    settle: { type: 'string', default: '5' },
    node: { type: 'string', multiple: true, default: [] as string[] },
  },
});
if (process.getuid?.() !== 0) throw new Error('needs root');
const [rounds, seconds, starts] = [values.rounds, values.seconds, values.starts].map(Number) as [
  number,
  number,
  number,
];
/** The last CPU is the servers', the first everybody else's. */
const [askerCpu, serverCpu] = [0, cpus().length - 1];
const ALL_CPUS = `0-${cpus().length - 1}`;
const START_LIMIT_MS = 20_000;
/** Asked for at full load: fewer than any cache here holds. */
const HOT_NAMES = 1000;
const FIRST_NAME = 'first.default.svc.cluster.local';

const folder = mkdtempSync(join(tmpdir(), 'node-cache-bench-'));
const script = (name: string): string => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
const range = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const queryFile = (name: string, count: number): string => {
  const path = join(folder, name);
  writeFileSync(path, `${range(count, (i) => `svc-${i}.load-${i % 10}.svc.cluster.local A`).join('\n')}\n`);
  return path;
};
const HOT = queryFile('hot', HOT_NAMES);
const MANY = queryFile('many', Number(values.names));

interface CpuFigures {
  readonly microseconds: number;
  readonly perSecond: number;
  readonly lost: number;
}

/** A program in its lab, and what it took. */
class Measured {
  readonly program: Program;
  readonly startMs: number[] = [];
  readonly startCpuMs: number[] = [];
  readonly memory = { idle: 0, full: 0, after: 0, tools: 0 };
  readonly figures: Record<'udp' | 'tcp', CpuFigures[]> = { udp: [], tcp: [] };
  readonly #lab: NodeCacheLab;
  readonly #folder: string;
  #clusterDns: ChildProcess | null = null;
  #server: ChildProcess | null = null;

  private constructor(program: Program, name: string, lab: NodeCacheLab) {
    this.program = program;
    this.#lab = lab;
    this.#folder = join(folder, name);
    mkdirSync(this.#folder);
  }

  static async open(program: Program, name: string): Promise<Measured> {
    const lab = await NodeCacheLab.open();
    if (!program.makesLink) await lab.addAddresses();
    if (program.isNodeCache) await lab.addService();
    return new Measured(program, name, lab);
  }

  async openCluster(): Promise<void> {
    const [command = '', ...args] = [
      ...NodeCacheLab.inside(this.#lab.cluster),
      ...[process.execPath, script('cluster-dns'), UPSTREAM_IP],
    ];
    this.#clusterDns = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(this.#clusterDns.stdout as NodeJS.ReadableStream, 'data');
  }

  /** Starts it, and keeps how long its first answer took. */
  async start(cpu: string): Promise<void> {
    writeFileSync(join(this.#folder, 'Corefile.base'), TEMPLATE);
    writeFileSync(join(this.#folder, 'Corefile'), this.program.isNodeCache ? '' : COREFILE);
    rmSync(join(this.#folder, 'node-cache.pid'), { force: true });
    const asker = await this.#askFirst();
    try {
      const answered = once(asker.stdout as NodeJS.ReadableStream, 'data');
      const began = process.hrtime.bigint();
      const log = join(this.#folder, 'log');
      this.#server = startPinned(
        [...NodeCacheLab.inside(this.#lab.node), ...this.program.command(this.#folder)],
        cpu,
        log,
      );
      const late = AbortSignal.timeout(START_LIMIT_MS);
      const isAnswered = await Promise.race([
        answered.then(([text]) => String(text)),
        once(late, 'abort').then(() => ''),
        once(this.#server, 'exit').then(() => ''),
      ]);
      if (isAnswered === '')
        throw new Error(
          `${this.program.name} gave no answer on ${CLUSTER_IP}:\n${readFileSync(log, 'utf8').slice(-3000)}`,
        );
      this.startMs.push(Number(BigInt(isAnswered.trim()) - began) / 1e6);
      this.startCpuMs.push(cpuSeconds(this.#pid) * 1000);
    } finally {
      asker.kill('SIGKILL');
    }
  }

  async #askFirst(): Promise<ChildProcess> {
    const [command = '', ...args] = [
      ...NodeCacheLab.inside(this.#lab.pod),
      ...[process.execPath, script('first-answer'), CLUSTER_IP, FIRST_NAME, POD_IP],
    ];
    const asker = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(asker.stdout as NodeJS.ReadableStream, 'data');
    return asker;
  }

  async stop(): Promise<void> {
    if (this.#server !== null) await end(this.#server);
    this.#server = null;
  }

  async measureMemory(): Promise<void> {
    await delay(1000 * Number(values.settle));
    this.memory.idle = residentMiB(this.#pid);
    this.memory.tools = childrenMiB(this.#pid);
    // The second time they come from the cache. Few at a time: each of the first time is a query to the cluster's DNS.
    for (let i = 0; i < 2; i++)
      await this.#ask({ queryFile: MANY, seconds: 20, outstanding: 50, isTcp: false, passes: 1 });
    await delay(1000);
    this.memory.full = residentMiB(this.#pid);
  }

  async measureCpu(): Promise<void> {
    for (const transport of ['udp', 'tcp'] as const) {
      const load = { queryFile: HOT, outstanding: 200, isTcp: transport === 'tcp' };
      // What has expired is asked for again, and code is compiled.
      await this.#ask({ ...load, seconds: 0.5 });
      const before = cpuSeconds(this.#pid);
      const { completed, perSecond, lost } = await this.#ask({ ...load, seconds });
      const microseconds = ((cpuSeconds(this.#pid) - before) * 1e6) / completed;
      this.figures[transport].push({ microseconds, perSecond, lost });
    }
    this.memory.after = residentMiB(this.#pid);
  }

  close(): void {
    this.#clusterDns?.kill('SIGKILL');
    this.#lab.remove();
  }

  get #pid(): number {
    return this.#server?.pid as number;
  }

  #ask(load: { queryFile: string; seconds: number; outstanding: number; isTcp: boolean; passes?: number }) {
    return dnsperf({
      ...{ address: CLUSTER_IP, port: 53, clients: 8, rate: 0, cpu: askerCpu },
      ...{ netns: this.#lab.pod, ...load },
    });
  }
}

const spread = (all: readonly number[], digits: number): string =>
  `${median(all).toFixed(digits)} (${Math.min(...all).toFixed(digits)}-${Math.max(...all).toFixed(digits)})`;

/** A row of the table: the figure of each, and how many times ours the other's is. */
const row = (title: string, all: readonly (readonly number[])[], digits: number): Record<string, string> => {
  const [own, beside] = all;
  return {
    '': title,
    ...Object.fromEntries(
      measured.map(({ program }, i) => [program.name, spread(all[i] as readonly number[], digits)]),
    ),
    ...(own === undefined || beside === undefined || median(own) === 0
      ? {}
      : { ratio: `${(median(beside) / median(own)).toFixed(2)} x` }),
  };
};

Object.assign(process.env, ENVIRONMENT);
const programs = [
  ours(resolve(values.program), values.node, values.as),
  ...(values.beside === '' ? [] : [other(resolve(values.beside), await hasDummyLinks())]),
];
const measured: Measured[] = [];
// An interrupted run leaves nothing either.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.on('exit', () => {
  for (const each of measured) each.close();
  rmSync(folder, { recursive: true, force: true });
});
for (const [i, program] of programs.entries()) measured.push(await Measured.open(program, `${i}`));
await Promise.all(measured.map((each) => each.openCluster()));
for (let i = 0; i < starts; i++)
  for (const each of measured) {
    await each.start(ALL_CPUS);
    await each.stop();
  }
for (const each of measured) {
  await each.start(`${serverCpu}`);
  each.startMs.pop();
  await each.measureMemory();
}
for (let i = 0; i < rounds; i++) for (const each of measured) await each.measureCpu();
for (const each of measured) await each.stop();

console.log(
  `${machine()}\n${starts} starts, ${rounds} rounds of ${seconds} s, ${HOT_NAMES} names; median (min-max); ratio: the other's to ours`,
);
type Figures = (each: Measured) => readonly number[];
const FIGURES: readonly (readonly [title: string, of: Figures, digits: number])[] = [
  ...(['udp', 'tcp'] as const).flatMap((transport): readonly (readonly [string, Figures, number])[] => {
    const over = transport.toUpperCase();
    return [
      [`CPU us a cached query, ${over}`, ({ figures }) => figures[transport].map((each) => each.microseconds), 2],
      [`queries/s, ${over}`, ({ figures }) => figures[transport].map((each) => each.perSecond), 0],
      [`lost, ${over}`, ({ figures }) => figures[transport].map((each) => each.lost), 0],
    ];
  }),
  [`RSS MiB, idle ${values.settle} s`, ({ memory }) => [memory.idle], 1],
  [`RSS MiB, ${values.names} names`, ({ memory }) => [memory.full], 1],
  ['RSS MiB, after full load', ({ memory }) => [memory.after], 1],
  ['RSS MiB of tools that it keeps', ({ memory }) => [memory.tools], 1],
  ['first own answer on the ClusterIP, ms', ({ startMs }) => startMs, 0],
  ['CPU ms until then, without tools', ({ startCpuMs }) => startCpuMs, 0],
];
console.table(FIGURES.map(([title, of, digits]) => row(title, measured.map(of), digits)));
process.exit();
