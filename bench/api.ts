// What the first list and a relist cost, at a real API server: time to the first right answer and to ready, CPU time, resident memory, and how long
// the event loop stands still meanwhile.
//
//   node bench/run.mjs api --testbed DIR [--coredns PATH] [--services 5000,20000] [--rounds 3] [--node=--FLAG]
//
// MINI_ETCD=DIR/bin/etcd36 in the environment makes the test bed offer WatchList.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ask } from '#test/dns-client.ts';
import type { LoopDelays } from './api/loop-question.ts';
import { ProbedServer } from './api/probed-server.ts';
import { Cluster } from './load/cluster.ts';
import { clusterNames } from './load/cluster-data.ts';
import { freePorts } from './load/ports.ts';
import { cpuSeconds, residentMiB } from './support/process-accounting.ts';
import { median } from './support/statistics.ts';

const { values } = parseArgs({
  options: {
    testbed: { type: 'string' },
    coredns: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    services: { type: 'string', default: '5000,20000' },
    rounds: { type: 'string', default: '3' },
    node: { type: 'string', multiple: true, default: [] as string[] },
  },
});
if (values.testbed === undefined) throw new Error('needs --testbed DIR');
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-api-'));
const firstPort = await freePorts(15_300, 8);
const port = firstPort + 4;
const allCpus = `0-${cpus().length - 1}`;
const corefile = join(folder, 'Corefile');
const PATIENCE_MS = 120_000;

const ours = [process.execPath, ...values.node, resolve(values.program), '-conf', corefile];
const servers = [{ name: 'cluster-dns', command: ours }];
if (values.coredns !== undefined)
  servers.push({ name: 'CoreDNS', command: [resolve(values.coredns), '-conf', corefile] });

/** Asks until the last Service is answered right; gives the ms that took. */
const untilRight = async (server: ProbedServer, services: number): Promise<number> => {
  const { name, addresses } = clusterNames(services).at(-2) as { name: string; addresses: readonly string[] };
  const began = performance.now();
  for (;;) {
    server.checkAlive();
    if (performance.now() - began > PATIENCE_MS)
      throw new Error(`no right answer in ${PATIENCE_MS} ms:\n${server.log}`);
    const reply = await ask({ address: '127.0.0.1', port }, name, 'A', { timeoutMs: 20 }).catch(() => null);
    if (reply?.answer.length === 1 && reply.answer[0]?.type === 1 && addresses.length === 1)
      return performance.now() - began;
  }
};

interface Start {
  readonly rightMs: number;
  readonly readyMs: number;
  readonly cpuSeconds: number;
  readonly atFirst: number;
  readonly settled: number;
}

const start = async (command: readonly string[], services: number): Promise<Start> => {
  const server = new ProbedServer(command, join(folder, 'log'), port + 2);
  const ready = server.untilReady();
  ready.catch(() => undefined); // told by the other
  const rightMs = await untilRight(server, services);
  const figures = {
    rightMs,
    cpuSeconds: cpuSeconds(server.pid),
    atFirst: residentMiB(server.pid),
    readyMs: await ready,
  };
  await delay(5000);
  const settled = residentMiB(server.pid);
  await server.stop();
  return { ...figures, settled };
};

/** Loop delays on a CPU of its own: of an idle server, of one that lists for the first time while it already serves, and of one that lists again. */
const stalls = async (cluster: Cluster, services: number): Promise<readonly [string, LoopDelays][]> => {
  await cluster.kill();
  const server = new ProbedServer(['taskset', '-c', '1', ...ours], join(folder, 'log'), port + 2);
  while (
    (await ask({ address: '127.0.0.1', port }, 'a.b.svc.cluster.local', 'A', { timeoutMs: 100 }).catch(() => null)) ===
    null
  )
    server.checkAlive();
  await server.loopDelays('begin');
  await delay(5000);
  const idle = await server.loopDelays('begin');
  await cluster.restart();
  await server.loopDelays('begin');
  await untilRight(server, services);
  await server.untilReady();
  const first = await server.loopDelays('tell');
  await delay(1000);
  await server.loopDelays('begin');
  const isRelisted = await cluster.makeRelist(60_000);
  const again = await server.loopDelays('tell');
  await server.stop();
  if (!isRelisted) throw new Error('no relist was seen');
  return [
    ['idle, API server away', idle],
    ['first list', first],
    ['relist', again],
  ];
};

const figure = (all: readonly number[], digits = 0): string =>
  `${median(all).toFixed(digits)} (${Math.min(...all).toFixed(digits)}-${Math.max(...all).toFixed(digits)})`;

const main = async (): Promise<void> => {
  const cluster = await Cluster.start({
    testbed: resolve(values.testbed as string),
    port: firstPort,
    folder,
    cpu: 0,
    allCpus,
  });
  try {
    writeFileSync(
      corefile,
      `.:${port} {
    errors
    health :${port + 1}
    ready :${port + 2}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${cluster.kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
        startup_timeout 1s
    }
    prometheus :${port + 3}
    cache 30
    loadbalance
}
`,
    );
    for (const services of values.services.split(',').map(Number)) {
      await cluster.growTo(services);
      const runs = servers.map(() => [] as Start[]);
      for (let round = 0; round < Number(values.rounds); round++)
        for (const [i, { command }] of servers.entries()) runs[i]?.push(await start(command, services));
      console.log(`\n${services} Services x 2 endpoints, ${values.rounds} rounds, median (least-most)`);
      console.table(
        servers.map(({ name }, i) => {
          const all = runs[i] as Start[];
          return {
            server: name,
            'first right answer ms': figure(all.map(({ rightMs }) => rightMs)),
            'ready ms': figure(all.map(({ readyMs }) => readyMs)),
            'CPU s by then': figure(
              all.map((run) => run.cpuSeconds),
              2,
            ),
            'RSS MiB then': figure(all.map(({ atFirst }) => atFirst)),
            'RSS MiB 5 s later': figure(all.map(({ settled }) => settled)),
          };
        }),
      );
      const delays = await stalls(cluster, services);
      console.log('delays of the event loop, ms');
      console.table(
        delays.map(([during, { looks, p99, p999, max }]) => ({
          during,
          looks,
          p99: p99.toFixed(1),
          'p99.9': p999.toFixed(1),
          max: max.toFixed(1),
        })),
      );
    }
  } finally {
    await cluster.stop();
  }
};

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
