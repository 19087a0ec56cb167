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
import type { ListCosts, Measured, MemoryCosts, ProxyChurn, StartCosts, Trial } from './measured.ts';
import type { MeasuredProcess, RestingMemory } from './measured-process.ts';
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

/** Big Services have an index far above the others, and so many endpoints each. */
const BIG_FROM = 900_000;
const BIG_ENDPOINTS = 100;
const BIG_SERVICES = [150, 450];
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
  const text = await (await fetch(`${cluster.http}/metrics`)).text();
  const of = (family: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${family}{`) && /endpointslice/i.test(line))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  return { events: of('apiserver_watch_events_total'), octets: of('apiserver_watch_events_sizes_sum') };
};

interface MemoryRow {
  readonly services: number;
  readonly endpoints: number;
  readonly memory: RestingMemory;
  readonly startCpuSeconds: number;
}

/** Resident memory of each program over the size of the cluster. */
const memoryCosts = async (
  cluster: Cluster,
  options: MeasureOptions,
): Promise<{
  readonly memory: Omit<Measured['memory'], 'apiWatchKiB' | 'nftElementKiB'>;
  readonly start: Measured['start'];
}> => {
  const place = options.place(cluster);
  const programs = {
    dns: startDns,
    node: startNode,
    proxy: startProxy,
  };
  const rows: Record<string, MemoryRow[]> = {};
  const look = async (services: number, endpoints: number): Promise<void> => {
    for (const [name, start] of Object.entries(programs)) {
      const server = await start(place);
      const startCpuSeconds = server.cpuSeconds;
      const memory = await server.memory();
      await server.stop();
      rows[name] = [...(rows[name] ?? []), { services, endpoints, memory, startCpuSeconds }];
      const { residentMiB: mib, peakMiB, heapMiB } = memory;
      const cpu = startCpuSeconds.toFixed(2);
      options.say(
        `${name}, ${services} Services, ${endpoints} endpoints: ${mib.toFixed(1)} MiB resident, ${peakMiB.toFixed(1)} at most, ${heapMiB.toFixed(1)} live, CPU ${cpu} s`,
      );
    }
  };
  for (const services of options.services) {
    await cluster.growTo(services);
    await look(services, 2 * services);
  }
  const most = options.services.at(-1) as number;
  let big = 0;
  for (const count of BIG_SERVICES) {
    const more = ['-services', `${count - big}`, '-endpoints', `${BIG_ENDPOINTS}`, '-headless', '0'];
    await cluster.load(['-from', `${BIG_FROM + big}`, ...more]);
    big = count;
    await look(most + count, 2 * most + count * BIG_ENDPOINTS);
  }
  const relistRatio = await relist(cluster, place, options.say);
  await cluster.load(['-services', '0', '-pods', `${options.pods}`]);
  const verified = await startDns(place, { pods: 'verified' });
  const withPods = await verified.memory();
  await verified.stop();
  options.say(
    `dns, ${options.pods} Pods verified: ${withPods.residentMiB.toFixed(1)} MiB, ${withPods.heapMiB.toFixed(1)} live`,
  );
  const dns = rows.dns as MemoryRow[];
  const podMiB = (withPods.heapMiB - (dns.at(-1) as MemoryRow).memory.heapMiB) / options.pods;
  const proxy = rows.proxy as MemoryRow[];
  const node = rows.node as MemoryRow[];
  return {
    memory: {
      dns: { ...costsOf(dns), podKiB: podMiB * KIB, relistRatio },
      node: costsOf(node),
      proxy: costsOf(proxy),
    },
    start: { dns: startCostsOf(dns), node: startCostsOf(node), proxy: startCostsOf(proxy) },
  };
};

/** The most that is resident when everything is listed again, because the API server has forgotten what it has told. */
const relist = async (cluster: Cluster, place: Place, say: (line: string) => void): Promise<number> => {
  const server = await startDns(place);
  const { residentMiB: before } = await server.memory();
  // Gives false for lists that are watches; the memory is looked at either way.
  await cluster.makeRelist(10_000);
  await server.rest();
  const { peakMiB, residentMiB: after } = await server.memory();
  await server.stop();
  say(`dns, a relist: ${before.toFixed(1)} MiB before, ${peakMiB.toFixed(1)} at most, ${after.toFixed(1)} after`);
  return peakMiB / before;
};

const costsOf = (rows: readonly MemoryRow[]): MemoryCosts => {
  const live = rows.map(({ memory }) => memory.heapMiB);
  const [liveBase = 0, service = 0, endpoint = 0] = leastSquares(
    rows.map(({ services, endpoints }) => [1, services, endpoints]),
    live,
  );
  const [around = 0, residentRatio = 0] = leastSquares(
    live.map((mib) => [1, mib]),
    rows.map(({ memory }) => memory.residentMiB),
  );
  return {
    baseMiB: around + residentRatio * liveBase,
    // What takes nothing comes out a little above or below that.
    serviceKiB: Math.max(0, service) * KIB,
    endpointKiB: Math.max(0, endpoint) * KIB,
    residentRatio,
    peakRatio: Math.max(...rows.map(({ memory }) => memory.peakMiB / memory.residentMiB)),
  };
};

const startCostsOf = (rows: readonly MemoryRow[]): StartCosts => {
  const [base = 0, service = 0, endpoint = 0] = leastSquares(
    rows.map(({ services, endpoints }) => [1, services, endpoints]),
    rows.map(({ startCpuSeconds }) => startCpuSeconds * 1e6),
  );
  return {
    serviceMicros: Math.max(0, service),
    endpointMicros: Math.max(0, endpoint),
    baseMillis: Math.max(0, base) / 1000,
  };
};

/** Requests that a start makes. */
const requestsOf = async (place: Place): Promise<{ readonly dns: number; readonly node: number }> => {
  const count = async (start: () => Promise<MeasuredProcess>): Promise<number> => {
    const server = await start();
    const text = await (await fetch(`http://127.0.0.1:${place.port + 2}/metrics`)).text();
    await server.stop();
    return [...text.matchAll(/^coredns_kubernetes_rest_client_requests_total\{.*\} (\d+)$/gm)].reduce(
      (sum, [, requests]) => sum + Number(requests),
      0,
    );
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
