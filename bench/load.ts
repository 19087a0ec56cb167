// What the data plane costs, ours and its peers in turn within one run. Starts and stops everything itself.
//
//   node bench/run.mjs load --coredns PATH --testbed DIR [--only cluster-hit,nxdomain] [--name NAME]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Cluster } from './load/cluster.ts';
import { Measure } from './load/measure.ts';
import type { ServerPlace } from './load/peer-configs.ts';
import { estimateSeconds, planStages, type Stage } from './load/plan.ts';
import { freePorts } from './load/ports.ts';
import { end, type RunningServer, startPinned, startServer } from './load/processes.ts';
import { conditions, ResultsFile } from './load/results.ts';
import { runRelist, runScenario, type ScenarioRun } from './load/run-scenario.ts';
import { type Scenario, scenarios, selectScenarios } from './load/scenarios.ts';
import { findServers, type ServerKind, takesPart } from './load/servers.ts';
import { tableRows } from './load/table.ts';

/** Where things are on this machine does not belong into results. */
const commandLine = `node bench/run.mjs load ${process.argv.slice(2).join(' ')}`.replaceAll(
  /(--(?:coredns|testbed|program|out))[ =]\S+/g,
  '$1 PATH',
);
const { values } = parseArgs({
  options: {
    coredns: { type: 'string' },
    testbed: { type: 'string' },
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    'paced-seconds': { type: 'string', default: '1.5' },
    rate: { type: 'string', default: '5000' },
    services: { type: 'string', default: '5000' },
    server: { type: 'string', multiple: true, default: [] as string[] },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    name: { type: 'string' },
    out: { type: 'string', default: 'bench/results' },
    plan: { type: 'boolean', default: false },
  },
});
if (values.coredns === undefined || values.testbed === undefined)
  throw new Error('needs --coredns PATH and --testbed DIR; a run without CoreDNS is no result');
if (cpus().length < 2) throw new Error('needs two CPUs: one for the server, one for who asks');

const rounds = Number(values.rounds);
const services = Number(values.services);
const timing = {
  rounds,
  seconds: Number(values.seconds),
  pacedSeconds: Number(values['paced-seconds']),
  rate: Number(values.rate),
};
const [askerCpu, serverCpu] = [0, 1];
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-load-'));
const program = (name: string): string => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));

/** Builds a C program of the floor's. */
const compile = (name: string): string => {
  execFileSync('cc', ['-O2', '-o', join(folder, name), `bench/floor/${name}.c`], { stdio: 'inherit' });
  return join(folder, name);
};

const found = findServers({
  coredns: resolve(values.coredns),
  more: values.server,
  echo: compile('echo'),
  echoScript: program('echo'),
  program: resolve(values.program),
});
const kinds = found.filter((each): each is ServerKind => !('absent' in each));
for (const each of found) if ('absent' in each) console.log(`${each.name}: left out, ${each.absent}`);

const chosen = selectScenarios(scenarios(timing.rate), values.only === '' ? [] : values.only.split(','));
const stages = planStages(chosen, services);
console.log(
  `${chosen.length} scenarios, ${rounds} rounds: about ${Math.ceil(estimateSeconds(stages, kinds, timing) / 60)} minutes`,
);

const head = conditions(
  found,
  [
    `medians of ${rounds} rounds, servers in turn within each; the first is what x is taken against`,
    `"CPU us/query", "queries/s": dnsperf for ${timing.seconds} s with 8 clients and 200 queries outstanding; CPU is user and system time of all threads`,
    `latency: asked for ${timing.pacedSeconds} s at a fixed rate without waiting for replies, from when each query was due; a lost one counts as 1 s; "asker late" is its own part`,
    `the server has CPU ${serverCpu} for itself; who asks, the upstream and the API server share CPU ${askerCpu}`,
  ],
  commandLine,
);
const file =
  values.name === undefined
    ? null
    : new ResultsFile(values.out, values.name, new Date().toISOString().slice(0, 10), head);

const firstPort = await freePorts(15_300, 4 * kinds.length + 5);
const ports = { api: firstPort, upstream: firstPort + 4, servers: firstPort + 5 };

const placeOf = (kind: ServerKind, stage: Stage, kubeconfig: string): ServerPlace => ({
  port: ports.servers + 4 * kinds.indexOf(kind), // with health, ready and metrics behind it
  upstreamPort: ports.upstream,
  folder: join(folder, kind.name.replaceAll(' ', '-')),
  services: stage.services,
  kubeconfig,
});

const runStage = async (stage: Stage, cluster: Cluster, measure: Measure): Promise<void> => {
  await cluster.growTo(stage.services);
  if (stage.scenarios.some(({ name }) => name.startsWith('headless'))) await cluster.addBigHeadless();
  const start = (kind: ServerKind): Promise<RunningServer> =>
    startServer(kind, placeOf(kind, stage, cluster.kubeconfig), askerCpu);
  const running: RunningServer[] = [];
  const stopAll = async (): Promise<void> => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  };
  try {
    for (const scenario of stage.scenarios) {
      const taking = kinds.filter((kind) => takesPart(kind, scenario));
      const run: ScenarioRun = {
        ...{ scenario, services: stage.services, rounds, rate: scenario.rate ?? timing.rate },
        ...{ serverCpu, askerCpu, measure, cluster },
      };
      if (scenario.during === 'relist') {
        await stopAll();
        show(
          scenario,
          run.rate,
          await runRelist(
            run,
            taking.map((kind) => () => start(kind)),
          ),
        );
        continue;
      }
      for (const kind of taking) if (!running.some((server) => server.kind === kind)) running.push(await start(kind));
      const servers = taking.map((kind) => running.find((server) => server.kind === kind) as RunningServer);
      show(scenario, run.rate, await runScenario(run, servers));
    }
  } finally {
    await stopAll();
  }
};

const show = (scenario: Scenario, rate: number, outcomes: Awaited<ReturnType<typeof runScenario>>): void => {
  const rows = tableRows(outcomes, rate);
  console.log(`\n${scenario.name}: ${scenario.title}`);
  console.table(rows);
  file?.add({ title: scenario.title, name: scenario.name, rows });
};

const main = async (): Promise<void> => {
  const upstream = startPinned(
    [compile('upstream'), '127.0.0.1', `${ports.upstream}`],
    askerCpu,
    join(folder, 'upstream.log'),
  );
  const cluster = await Cluster.start({
    testbed: resolve(values.testbed as string),
    port: ports.api,
    folder,
    cpu: askerCpu,
    allCpus: `0-${cpus().length - 1}`,
  });
  // Ctrl-C ends the servers with this process; the API server is detached and has to be asked.
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      void cluster.stop().finally(() => process.exit(130));
    });
  const measure = new Measure({ ...timing, serverCpu, askerCpu, askerScript: program('ask'), folder });
  try {
    for (const stage of stages) await runStage(stage, cluster, measure);
  } finally {
    await cluster.stop();
    await end(upstream);
  }
};

try {
  if (!values.plan) await main();
  if (file !== null && !values.plan) console.log(`written to ${file.path}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
