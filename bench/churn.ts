// Right answers while the cluster changes, at a real API server: objects change so many times a second, somebody asks for them at a steady rate, and a
// checker judges every reply. With outages of the API server between, for an hour, it is the soak.
//
//   node bench/run.mjs churn --testbed DIR [--seconds 600] [--rate 5000] [--changes 100] [--services 5000]
//   node bench/run.mjs churn --testbed DIR --seconds 3600 --rate 1000 --changes 20 --outage-every 300 --outage 5
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fill, OBJECTS } from '../test/server/churn/changing.ts';
import { LoadThread } from '../test/server/churn/load-thread.ts';
import { ProbedServer } from './api/probed-server.ts';
import { indexOf } from './churn/index-of.ts';
import { watchChanges } from './churn/own-watch.ts';
import { RealObject } from './churn/real-object.ts';
import { Cluster } from './load/cluster.ts';
import { freePorts } from './load/ports.ts';
import { cpuSeconds, residentMiB } from './support/process-accounting.ts';
import { quantileBound, scrape, sumOf, valuesOf } from './support/scrape.ts';

const { values } = parseArgs({
  options: {
    testbed: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    seconds: { type: 'string', default: '600' },
    rate: { type: 'string', default: '5000' },
    changes: { type: 'string', default: '100' },
    services: { type: 'string', default: '5000' },
    'outage-every': { type: 'string', default: '0' },
    outage: { type: 'string', default: '5' },
    allow: { type: 'string', default: '100' },
  },
});
if (values.testbed === undefined) throw new Error('needs --testbed DIR');
const [seconds, rate, changes, services, outageEvery, outage, allowMs] = [
  ...[values.seconds, values.rate, values.changes, values.services],
  ...[values['outage-every'], values.outage, values.allow],
].map(Number) as [number, number, number, number, number, number, number];
/** The bundled load.ts. */
const LOAD = new URL('./load.mjs', import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-churn-'));
const firstPort = await freePorts(15_300, 8);
const port = firstPort + 4;
const [healthPort, readyPort, metricsPort] = [port + 1, port + 2, port + 3];
const REPORT_EVERY_MS = Math.min(60_000, (seconds * 1000) / 4);
const BACK_IN_STEP_MS = 60_000;
const allCpus = `0-${cpus().length - 1}`;
const STALE = 'cluster_dns_kubernetes_stale_seconds';
const DROPS = [
  'cluster_dns_udp_dropped_total',
  'cluster_dns_udp_outdated_total',
  'cluster_dns_udp_send_failures_total',
  'cluster_dns_udp_main_send_failures_total',
  'cluster_dns_udp_receive_buffer_drops_total',
];
const APPLY = 'cluster_dns_kubernetes_event_apply_seconds';

const corefile = (kubeconfig: string): string => `.:${port} {
    errors
    health :${healthPort}
    ready :${readyPort}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig}
        pods insecure
        ttl 30
        startup_timeout 60s
    }
    prometheus :${metricsPort}
    cache 30
    loadbalance
}
`;

/** What is collected on the way. */
const failures: string[] = [];
const resident: number[] = [];
const backMs: number[] = [];
let applied = 0;

/** Changes one object after the other at its share of the rate, until it is stopped. */
const change = async (object: number, http: string, load: LoadThread, stopping: AbortSignal): Promise<void> => {
  const store = new RealObject(http, stopping);
  const intervalMs = (1000 * OBJECTS.length) / changes;
  let dueMs = performance.now() + Math.random() * intervalMs;
  for (let version = 1; !stopping.aborted; version++) {
    await delay(Math.max(0, dueMs - performance.now()));
    // What an outage held up is not made up for.
    dueMs = Math.max(dueMs + intervalMs, performance.now());
    load.watermarks.put(object, version);
    store.version = version;
    OBJECTS[object]?.put(store, version);
    await store.done;
    if (!stopping.aborted) applied++;
  }
};

/** The API server goes away for a while; each second time it has forgotten its history when it comes back. */
const makeOutage = async (cluster: Cluster, nth: number): Promise<void> => {
  await cluster.kill();
  await delay(outage * 1000);
  if (nth % 2 === 1) await cluster.forget();
  await cluster.restart();
  const since = performance.now();
  const isInStep = async (): Promise<boolean> =>
    valuesOf(await scrape(metricsPort), STALE).every((value) => value === 0);
  while (!(await isInStep())) {
    if (performance.now() - since > BACK_IN_STEP_MS) return void failures.push(`not in step after outage ${nth}`);
    await delay(50);
  }
  backMs.push(performance.now() - since);
};

const report = async (server: ProbedServer, load: LoadThread): Promise<void> => {
  resident.push(residentMiB(server.pid));
  const { p999, max } = await server.loopDelays('tell');
  const parts = [
    `${new Date().toISOString().slice(11, 19)} judged ${load.judged}, changes ${applied}, RSS ${resident.at(-1)?.toFixed(0)} MiB`,
    `CPU ${cpuSeconds(server.pid).toFixed(1)} s, loop p99.9 ${p999.toFixed(1)} ms, max ${max.toFixed(1)} ms`,
  ];
  console.log(parts.join(', '));
  if (!(await server.isReady())) failures.push('not ready');
};

const run = async (cluster: Cluster): Promise<void> => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = new RealObject(cluster.http, signal);
  fill(first);
  await first.done;
  writeFileSync(join(folder, 'Corefile'), corefile(cluster.kubeconfig));
  const command = [process.execPath, resolve(values.program), '-conf', join(folder, 'Corefile')];
  const server = new ProbedServer(command, join(folder, 'log'), readyPort);
  let load: LoadThread | null = null;
  try {
    await server.untilReady();
    load = new LoadThread(LOAD, port, rate);
    const { watermarks } = load;
    /** The server is not held to the time that its peer's watch has taken while it has none itself. */
    let isAway = false;
    const watching = watchChanges(cluster.http, signal, (name, version) => {
      const object = indexOf(name);
      if (isAway || object < 0) return;
      setTimeout(() => {
        if (!isAway) watermarks.expect(object, version);
      }, allowMs);
    });
    const asking = load;
    await delay(2000);
    await server.loopDelays('begin');
    const changing = OBJECTS.map((_, object) => change(object, cluster.http, asking, signal));
    const began = performance.now();
    const endMs = began + seconds * 1000;
    let [reportMs, outageMs, outages] = [began, began + outageEvery * 1000, 0];
    for (; performance.now() < endMs; await delay(100)) {
      server.checkAlive();
      if (performance.now() >= reportMs) {
        reportMs += REPORT_EVERY_MS;
        await report(server, load);
      }
      if (outageEvery > 0 && performance.now() >= outageMs) {
        outageMs += outageEvery * 1000;
        isAway = true;
        await makeOutage(cluster, outages++);
        isAway = false;
      }
    }
    await report(server, load);
    stopping.abort();
    await Promise.all([...changing, watching]);
    await summarize(server, load);
  } finally {
    stopping.abort();
    await Promise.allSettled([load?.stop()]);
    await server.stop();
  }
};

const summarize = async (server: ProbedServer, load: LoadThread): Promise<void> => {
  const { faults, late, lost } = await load.stop();
  const samples = await scrape(metricsPort);
  const quarter = Math.max(1, Math.floor(resident.length / 4));
  const most = (part: readonly number[]): string => Math.max(...part).toFixed(0);
  const { p999, max } = await server.loopDelays('tell');
  const ms = (quantile: number): number => quantileBound(samples, APPLY, quantile) * 1000;
  console.log(
    `\n${seconds} s, ${services} other Services, ${rate} queries a second, ${changes} changes a second asked for`,
  );
  console.table({
    'replies judged': load.judged,
    'wrong replies': faults.length,
    [`replies more than ${allowMs} ms behind the event`]: late,
    'queries lost': lost,
    'of these dropped by the server, and said so': DROPS.reduce((sum, family) => sum + sumOf(samples, family), 0),
    'changes made': applied,
    'answered from memory': sumOf(samples, 'cluster_dns_udp_remembered_total'),
    'events applied': sumOf(samples, `${APPLY}_count`),
    'event to answer ms, p50 at most': ms(0.5),
    'event to answer ms, p99 at most': ms(0.99),
    'event to answer ms, most at most': ms(1),
    'loop delay ms, p99.9': p999.toFixed(1),
    'loop delay ms, most': max.toFixed(1),
    'RSS MiB, most in the first quarter': most(resident.slice(0, quarter)),
    'RSS MiB, most in the last quarter': most(resident.slice(-quarter)),
    ...(outageEvery > 0 && {
      outages: backMs.length,
      'back in step s after the API server, most': (Math.max(...backMs) / 1000).toFixed(1),
    }),
    panics: sumOf(samples, 'coredns_panics_total'),
    'lines logged': server.log.trimEnd().split('\n').length,
  });
  if (faults.length > 0)
    for (const [k, v] of samples) if (/stale_sec|apply_seconds_count|rest_client_req/.test(k)) console.log(k, v);
  failures.push(...faults);
  if (lost > 0) failures.push(`${lost} queries lost`);
  if (outageEvery > 0 || failures.length > 0) console.log(server.log.split('\n').slice(-40).join('\n'));
};

const main = async (): Promise<void> => {
  const cluster = await Cluster.start({
    testbed: resolve(values.testbed as string),
    port: firstPort,
    folder,
    cpu: allCpus,
    allCpus,
  });
  try {
    await cluster.growTo(services);
    await run(cluster);
  } finally {
    await cluster.stop();
  }
  for (const failure of failures) console.error(`FAILED: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
};

try {
  await main();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
