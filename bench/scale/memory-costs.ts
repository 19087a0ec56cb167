import type { Cluster } from '../load/cluster.ts';
import { leastSquares } from './least-squares.ts';
import type { MeasureOptions } from './measure.ts';
import type { Measured, MemoryCosts, StartCosts } from './measured.ts';
import type { RestingMemory } from './measured-process.ts';
import { type Place, startDns, startNode, startProxy } from './programs.ts';

/** Big Services have an index far above the others, and so many endpoints each. */
const BIG_FROM = 900_000;
const BIG_ENDPOINTS = 100;
const BIG_SERVICES = [150, 450];
const KIB = 1024;

interface MemoryRow {
  readonly services: number;
  readonly endpoints: number;
  readonly memory: RestingMemory;
  readonly startCpuSeconds: number;
}

/** Resident memory of each program over the size of the cluster. */
export const memoryCosts = async (
  cluster: Cluster,
  options: MeasureOptions,
): Promise<{
  readonly memory: Omit<Measured['memory'], 'apiWatchKiB' | 'nftElementKiB'>;
  readonly start: Measured['start'];
}> => {
  const place = options.place(cluster);
  const programs = { dns: startDns, node: startNode, proxy: startProxy };
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
