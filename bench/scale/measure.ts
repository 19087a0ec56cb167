import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES, SLICES } from '#test/fake-api-server.ts';
import { RealObject } from '../churn/real-object.ts';
import type { Cluster } from '../load/cluster.ts';
import { toolCpuMs } from '../proxy/process-costs.ts';
import { machine } from '../support/machine.ts';
import { cpuSeconds, residentMiB } from '../support/process-accounting.ts';
import { scrape, sumOf } from '../support/scrape.ts';
import { leastSquares } from './least-squares.ts';
import { LightWatchers } from './light-watchers.ts';
import { body, type ListWay, listAll } from './listing.ts';
import type { ListCosts, Measured, ProxyChurn, Trial } from './measured.ts';
import type { MeasuredProcess } from './measured-process.ts';
import { memoryCosts } from './memory-costs.ts';
import { nftElementKiB } from './nft-memory.ts';
import { type Place, startDns, startNode, startProxy } from './programs.ts';
import { REAL_OBJECTS } from './real-objects.ts';

export interface MeasureOptions {
  /** Starts a test bed, with the etcd that Debian has or with one that lets the API server offer WatchList. */
  readonly startCluster: (etcd: 'old' | 'new') => Promise<Cluster>;
  readonly place: (cluster: Cluster) => Place;
  readonly httpsOf: (cluster: Cluster) => string;
  /** Services with two endpoints each, from few to many. */
  readonly services: readonly number[];
  /** Pods, for `pods verified`. */
  readonly pods: number;
  readonly watchers: readonly number[];
  readonly replicas: number;
  readonly churnSeconds: number;
  readonly say: (line: string) => void;
}

const LIST_ROUNDS = 3;
const CHURN_RATE = 50;
const TRIAL_RATE = 100;
const MOST_FAILED_SHARE = 0.05;
const KIB = 1024;

/** Everything, one after the other. */
export const measureAll = async (options: MeasureOptions): Promise<Measured> => {
  const { startCluster, say } = options;
  const before = await startCluster('old');
  let old: Pick<OfOldEtcd, 'pages' | 'requests'>;
  try {
    old = await ofOldEtcd(options, before);
  } finally {
    await before.stop();
  }
  say('with WatchList');
  const cluster = await startCluster('new');
  try {
    const small = options.services[0] as number;
    await cluster.growTo(small);
    const octets = await objectOctets(cluster, options);
    const apiWatch = await watchCosts(cluster, options);
    const trial = await tryReplicas(cluster, options, small);
    const { memory, start } = await memoryCosts(cluster, options);
    const many = options.services.at(-1) as number;
    const lists = { pages: await listCosts(cluster, 'pages'), cache: await listCosts(cluster, 'cache') };
    const watchList = await listCosts(cluster, 'watchList');
    const place = options.place(cluster);
    const requests = await requestsOf(place);
    const node = await nodeEventMicros(cluster, options);
    return {
      date: new Date().toISOString().slice(0, 10),
      machine: machine(),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      memory: { ...memory, apiWatchKiB: apiWatch.watchKiB, nftElementKiB: await nftElementKiB() },
      octets: { ...octets, eventOverhead: apiWatch.eventOverhead },
      lists: { ...lists, pagesOldEtcd: old.pages, watchList },
      apiEventMicros: apiWatch.eventMicros,
      eventMicros: { dns: (trial.replicaCpu / trial.eventsPerSecond) * 1e6, node },
      start,
      requests: { services: many, watchList: requests, withoutWatchList: old.requests },
      proxyChurn: await proxyChurn(cluster, options),
      trial,
    };
  } finally {
    await cluster.stop();
  }
};

interface OfOldEtcd {
  readonly pages: ListCosts;
  readonly requests: { readonly dns: number; readonly node: number };
}

/** What only an API server without WatchList has to bear. */
const ofOldEtcd = async (options: MeasureOptions, cluster: Cluster): Promise<OfOldEtcd> => {
  options.say('without WatchList');
  await cluster.growTo(options.services[0] as number);
  const pages = await listCosts(cluster, 'pages');
  await cluster.growTo(options.services.at(-1) as number);
  return { pages, requests: await requestsOf(options.place(cluster)) };
};

/** The size of one of each kind, as it is in a list. */
const objectOctets = async (
  cluster: Cluster,
  { say }: MeasureOptions,
): Promise<Omit<Measured['octets'], 'eventOverhead'>> => {
  const objects = new RealObject(cluster.http, new AbortController().signal);
  const sizes: Record<string, number> = {};
  for (const [name, { path, object }] of Object.entries(REAL_OBJECTS)) {
    objects.put(path, object);
    await objects.done;
    const { namespace, name: own } = object.metadata;
    const folder = namespace === undefined ? path : path.replace(/\/([^/]+)$/, `/namespaces/${namespace}/$1`);
    sizes[name] = (await body(`${cluster.http}${folder}/${own}`)).length;
    objects.remove(path, namespace ?? '', own);
    await objects.done;
  }
  const { service = 0, slice1 = 0, slice101 = 0, pod = 0, node = 0 } = sizes;
  const endpoint = (slice101 - slice1) / 100;
  const plain = await body(`${cluster.http}${SERVICES}?resourceVersion=0`);
  const packed = await body(`${cluster.http}${SERVICES}?resourceVersion=0`, true);
  const octets = { service, slice: slice1 - endpoint, endpoint, pod, node, gzipRatio: packed.length / plain.length };
  say(`octets ${JSON.stringify(octets)}`);
  return octets;
};

/** CPU time of whole lists of Services and EndpointSlices, for an object. */
const listCosts = async (cluster: Cluster, way: ListWay): Promise<ListCosts> => {
  const { api, etcd } = cluster.pids;
  const apiBefore = cpuSeconds(api);
  const etcdBefore = cpuSeconds(etcd);
  for (let i = 0; i < LIST_ROUNDS; i++) for (const path of [SERVICES, SLICES]) await listAll(cluster.http, path, way);
  const objects = 2 * cluster.services * LIST_ROUNDS;
  return {
    apiMicros: ((cpuSeconds(api) - apiBefore) / objects) * 1e6,
    etcdMicros: ((cpuSeconds(etcd) - etcdBefore) / objects) * 1e6,
  };
};

interface WatchCosts {
  readonly eventMicros: number;
  readonly eventOverhead: number;
  readonly watchKiB: number;
}

/** What an open watch and an event to it cost the API server: the slope over the number of watches, all of EndpointSlices. */
const watchCosts = async (cluster: Cluster, options: MeasureOptions): Promise<WatchCosts> => {
  const { api } = cluster.pids;
  const rows: { watches: number; micros: number; residentMiB: number; overhead: number }[] = [];
  for (const count of [0, ...options.watchers]) {
    const watchers = await LightWatchers.open(options.httpsOf(cluster), SLICES, count);
    // From the present on, a watch of version 0 begins with all objects; those are not counted.
    await untilStill(() => watchers.bodyOctets);
    const memory = residentMiB(api);
    const [bodies, wire, before] = [watchers.bodyOctets, watchers.wireOctets, cpuSeconds(api)];
    const events = await churn(cluster, CHURN_RATE, options.churnSeconds, 'slice');
    await untilStill(() => watchers.bodyOctets);
    const micros = ((cpuSeconds(api) - before) / events) * 1e6;
    const told = events * count;
    const overhead = count === 0 ? 0 : (watchers.wireOctets - wire - (watchers.bodyOctets - bodies)) / told;
    rows.push({ watches: count, micros, residentMiB: memory, overhead });
    options.say(
      `${count} watches: ${micros.toFixed(0)} us an event, ${memory.toFixed(0)} MiB, +${overhead.toFixed(0)} octets`,
    );
    watchers.close();
  }
  const x = rows.map(({ watches }) => [1, watches]);
  const [, eventMicros = 0] = leastSquares(
    x,
    rows.map(({ micros }) => micros),
  );
  const [, watchMiB = 0] = leastSquares(
    x,
    rows.map(({ residentMiB: mib }) => mib),
  );
  // A frame has its length, type and envelope beside the object.
  return { eventMicros, eventOverhead: (rows.at(-1)?.overhead ?? 0) + FRAME_OCTETS, watchKiB: watchMiB * KIB };
};

/** Length (4), the watch event's two fields with `MODIFIED` (8 + 2 + 4). The envelope is in an object's size already. */
const FRAME_OCTETS = 18;

const untilStill = async (look: () => number): Promise<void> => {
  for (let before = -1, now = look(); now !== before; now = look()) {
    before = now;
    await delay(500);
  }
};

/** Changes at a rate, to their end; gives how many there were. */
const churn = async (cluster: Cluster, rate: number, seconds: number, kind: 'slice' | 'service'): Promise<number> => {
  const child = cluster.churn(rate, ['-seconds', `${seconds}`, '-kind', kind]);
  await once(child, 'exit');
  const lines = [...readFileSync(cluster.churnLog, 'utf8').matchAll(/(\d+) changes \((\d+) failed\)/g)];
  const [, done, failed] = lines.at(-1) ?? [];
  // Two changes of one Service may meet.
  if (!(Number(failed) <= Number(done) * MOST_FAILED_SHARE)) throw new Error(`${failed} changes failed`);
  return Number(done);
};

/** Real replicas and changes: what the model is judged by. */
const tryReplicas = async (cluster: Cluster, options: MeasureOptions, services: number): Promise<Trial> => {
  const { api } = cluster.pids;
  const { churnSeconds: seconds, replicas } = options;
  const alone = cpuSeconds(api);
  await churn(cluster, TRIAL_RATE, seconds, 'slice');
  const apiCpuAlone = (cpuSeconds(api) - alone) / seconds;
  const starting = cpuSeconds(api);
  const servers: MeasuredProcess[] = [];
  try {
    for (let index = 0; index < replicas; index++) servers.push(await startDns(options.place(cluster), { index }));
    const apiStartCpuSeconds = cpuSeconds(api) - starting;
    const told = await watchCounters(cluster);
    const idle = await idleCpu(servers);
    const own = servers.map((server) => server.cpuSeconds);
    const before = cpuSeconds(api);
    const began = performance.now();
    const events = await churn(cluster, TRIAL_RATE, seconds, 'slice');
    await delay(500);
    const took = (performance.now() - began) / 1000;
    const after = await watchCounters(cluster);
    const busy = servers.reduce((sum, server, i) => sum + server.cpuSeconds - (own[i] as number), 0);
    const memories = await Promise.all(servers.map((server) => server.memory()));
    const slices = await listAll(cluster.http, SLICES, 'cache');
    const trial: Trial = {
      services,
      endpointsPerService: 2,
      replicas,
      eventsPerSecond: events / took,
      seconds: took,
      sliceOctets: slices.octets / services,
      watchEventsPerSecond: (after.events - told.events) / took,
      watchOctetsPerSecond: (after.octets - told.octets) / took,
      apiCpu: (cpuSeconds(api) - before) / took,
      apiCpuAlone,
      replicaCpu: (busy / took - idle) / replicas,
      replicaMiB: memories.reduce((sum, { residentMiB: mib }) => sum + mib, 0) / replicas,
      apiStartCpuSeconds,
    };
    options.say(JSON.stringify(trial));
    return trial;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
};

/** What the API server says it has told to watches of EndpointSlices. */
const watchCounters = async (cluster: Cluster): Promise<{ readonly events: number; readonly octets: number }> => {
  const samples = await scrape(Number(new URL(cluster.http).port));
  const of = (family: string): number =>
    [...samples]
      .filter(([key]) => key.startsWith(`${family}{`) && /endpointslice/i.test(key))
      .reduce((sum, [, value]) => sum + value, 0);
  return { events: of('apiserver_watch_events_total'), octets: of('apiserver_watch_events_sizes_sum') };
};

/** Requests that a start makes. */
const requestsOf = async (place: Place): Promise<{ readonly dns: number; readonly node: number }> => {
  const count = async (start: () => Promise<MeasuredProcess>): Promise<number> => {
    const server = await start();
    const samples = await scrape(place.port + 2);
    await server.stop();
    return sumOf(samples, 'coredns_kubernetes_rest_client_requests_total');
  };
  return { dns: await count(() => startDns(place)), node: await count(() => startNode(place)) };
};

/** CPU time that a Service's change takes of a node: two events, as the Service goes and comes. */
const nodeEventMicros = async (cluster: Cluster, options: MeasureOptions): Promise<number> => {
  const server = await startNode(options.place(cluster));
  const idle = await idleCpu([server]);
  const before = server.cpuSeconds;
  const began = performance.now();
  const changes = await churn(cluster, CHURN_RATE, options.churnSeconds, 'service');
  await delay(500);
  const busy = server.cpuSeconds - before - (idle * (performance.now() - began)) / 1000;
  await server.stop();
  return (busy / (2 * changes)) * 1e6;
};

/** CPU seconds a second that programs take while nothing happens, together. */
const idleCpu = async (servers: readonly MeasuredProcess[]): Promise<number> => {
  const sum = (): number => servers.reduce((all, server) => all + server.cpuSeconds, 0);
  const before = sum();
  await delay(IDLE_MS);
  return ((sum() - before) * 1000) / IDLE_MS;
};

const IDLE_MS = 3000;

/** What changes at some rates cost the proxy in nftables mode, its own and that of nft; it writes at most once in its `minSyncPeriod`. */
const proxyChurn = async (cluster: Cluster, options: MeasureOptions): Promise<readonly ProxyChurn[]> => {
  const place = options.place(cluster);
  const proxy = await startProxy(place);
  const rows: ProxyChurn[] = [];
  try {
    for (const rate of PROXY_RATES) {
      const idle = await idleCpu([proxy]);
      const [own, tools, syncs] = [proxy.cpuSeconds, toolCpuMs(proxy.pid), await syncsOf(place)];
      const began = performance.now();
      const events = await churn(cluster, rate, options.churnSeconds, 'slice');
      await delay(1500);
      const took = (performance.now() - began) / 1000;
      const row = {
        changesPerSecond: events / options.churnSeconds,
        ownMillis: ((proxy.cpuSeconds - own - idle * took) * 1000) / events,
        toolMillis: (toolCpuMs(proxy.pid) - tools) / events,
        syncsPerSecond: ((await syncsOf(place)) - syncs) / options.churnSeconds,
      };
      options.say(`proxy ${JSON.stringify(row)}`);
      rows.push(row);
    }
  } finally {
    await proxy.stop();
  }
  return rows;
};

/** The second is what is used: the first has code being compiled in it. */
const PROXY_RATES = [20, 50];

const syncsOf = async ({ port }: Place): Promise<number> =>
  sumOf(await scrape(port + 2), 'kubeproxy_sync_proxy_rules_duration_seconds_count');
