import { describe, expect, it } from 'vitest';
import type { Measured } from './measured.ts';
import {
  apiLoad,
  type Cluster,
  conntrackEntries,
  dnsLoad,
  HABITS,
  hitShare,
  memories,
  memoryOf,
  passedShare,
  plannedRate,
  proxyWork,
  queriesOf,
  restartLoad,
  slicesOf,
  starts,
  watches,
} from './simulate.ts';

const MEMORY = { baseMiB: 80, serviceKiB: 2, endpointKiB: 0.25, residentRatio: 2, peakRatio: 1.1 };
const START = { serviceMicros: 100, endpointMicros: 10, baseMillis: 500 };

/** Round constants, so that results can be seen. */
const measured = {
  memory: {
    dns: { ...MEMORY, podKiB: 0.5, relistRatio: 1.2 },
    node: { ...MEMORY, baseMiB: 70, serviceKiB: 0.25, endpointKiB: 0 },
    proxy: { ...MEMORY, baseMiB: 60 },
    apiWatchKiB: 100,
    nftElementKiB: 2,
  },
  octets: { service: 1000, slice: 1000, endpoint: 100, pod: 8000, node: 12_000, eventOverhead: 0, gzipRatio: 0.1 },
  apiEventMicros: 20,
  proxyChurn: [{ changesPerSecond: 50, ownMillis: 1.5, toolMillis: 0.5, syncsPerSecond: 1 }],
  start: { dns: START, node: START, proxy: START },
} as unknown as Measured;

const queries = {
  file: '',
  udp: { pacedMicros: 50, fullMicros: 10, fullPerSecond: 100_000 },
  tcp: { pacedMicros: 100, fullMicros: 10, fullPerSecond: 100_000 },
  missMicros: 150,
};

const cluster: Cluster = {
  nodes: 100,
  podsPerNode: 40,
  services: 400,
  headlessShare: 0.25,
  replacements: 2,
  serviceChanges: 1,
  lookups: 0.5,
};
const BOOKMARKS = (kinds: number): number => kinds / HABITS.bookmarkSeconds;

describe('EndpointSlices', () => {
  it('are one a Service where its endpoints fit', () => {
    expect(slicesOf(cluster, measured)).toEqual({ count: 400, octets: 1000 + 10 * 100 });
  });

  it('are as many as a hundred endpoints each need, evenly filled', () => {
    const one = { ...cluster, services: 16 };
    // 250 endpoints a Service: three slices.
    expect(slicesOf(one, measured).count).toBe(48);
    expect(slicesOf(one, measured).octets).toBeCloseTo(1000 + (250 / 3) * 100);
  });
});

describe('watch events', () => {
  it('reach a replica for each change of a Service and each update of a slice', () => {
    const { dns } = watches(cluster, measured);
    expect(dns.events).toBeCloseTo(1 + 2 * 4 + BOOKMARKS(3));
    expect(dns.octets).toBeCloseTo(1000 + 8 * 2000 + BOOKMARKS(3) * HABITS.bookmarkOctets);
  });

  it('split slices between node caches, which watch the headless, and proxies, which watch the others', () => {
    const { dns, node, proxy } = watches(cluster, measured);
    const of = (told: { readonly events: number }, kinds: number, more = 0): number =>
      told.events - 1 - BOOKMARKS(kinds) - more;
    expect(of(node, 2) + of(proxy, 4, 1 / HABITS.nodeUpdateSeconds)).toBeCloseTo(of(dns, 3));
    expect(of(node, 2)).toBeCloseTo(8 * 0.25);
  });

  it("are the Pods' too with `pods verified`", () => {
    const { dns, dnsPods } = watches(cluster, measured);
    const bookmark = BOOKMARKS(1);
    expect(dnsPods.events - dns.events).toBeCloseTo(2 * 8 + bookmark);
    expect(dnsPods.octets - dns.octets).toBeCloseTo(16 * 8000 + bookmark * HABITS.bookmarkOctets);
  });

  it('cost the API server the same for each watch that is told', () => {
    const told = { events: 10, octets: 5000, watches: 2 };
    const load = apiLoad(1000, told, measured);
    expect(load).toMatchObject({ watches: 2000, events: 10_000, octets: 5_000_000 });
    expect(load.cores).toBeCloseTo(0.2);
    expect(load.memoryMiB).toBeCloseTo((2000 * 100) / 1024);
    expect(load.requests).toBeCloseTo(2000 / 450);
  });
});

describe('a start', () => {
  it('lists what is watched', () => {
    const { dns, dnsPods, node, proxy } = starts(cluster, measured);
    expect(dns.objects).toBe(400 + 400 + 20);
    expect(dnsPods.objects - dns.objects).toBe(4000);
    expect(dnsPods.octets - dns.octets).toBe(4000 * 8000);
    expect(node.objects).toBe(400 + 100);
    expect(node.octets).toBe(400 * 1000 + 100 * 2000);
    expect(proxy.objects).toBe(400 + 300 + 1);
  });

  it('of all at once takes as many times as much', () => {
    const load = restartLoad(10, { objects: 1000, octets: 5000 }, { apiMicros: 20, etcdMicros: 5 });
    expect(load.octets).toBe(50_000);
    expect(load.apiCpuSeconds).toBeCloseTo(0.2);
    expect(load.etcdCpuSeconds).toBeCloseTo(0.05);
  });
});

describe('queries', () => {
  it('are what the search path makes of lookups', () => {
    const { total, perNode, negativeShare } = queriesOf(cluster);
    // Half of the lookups are 8 queries, half are 4; of these 6 and 2 find nothing.
    expect(total).toBeCloseTo(4000 * 0.5 * 6);
    expect(perNode).toBeCloseTo(total / 100);
    expect(negativeShare).toBeCloseTo(4 / 6);
  });

  it('hit a cache as often as one question comes again before it expires', () => {
    expect(hitShare(0, 30)).toBe(0);
    // One fills, nine more come in the time.
    expect(hitShare(0.3, 30)).toBeCloseTo(0.9);
    expect(hitShare(1e9, 30)).toBeCloseTo(1);
  });

  it('pass a node cache where they are the first to ask, and for names of the cluster only', () => {
    // 0.5 a second for each question; positive ones are kept 30 s. Of six queries four find nothing, one finds a Service.
    const positive = 1 - 15 / 16;
    expect(passedShare(cluster, 'plain')).toBeCloseTo((4 / 6) * (1 - 0.5 / 1.5) + positive / 6);
    expect(passedShare(cluster, 'watched')).toBeCloseTo((5 / 6) * positive);
    expect(passedShare(cluster, 'none')).toBe(1);
  });

  it('take half an entry of conntrack each, for 30 s', () => {
    expect(conntrackEntries(cluster)).toBeCloseTo((120 / 2) * 30);
  });
});

describe('the rate that a replica is planned for', () => {
  it('is the measured one where its cost is', () => {
    expect(plannedRate(queries.udp, 0.25)).toBeCloseTo(5000);
    expect(plannedRate(queries.udp, 1)).toBeCloseTo(100_000, 0);
  });

  it('lies between', () => {
    const rate = plannedRate(queries.udp, 0.5);
    expect(rate).toBeGreaterThan(10_000);
    expect(rate).toBeLessThan(50_000);
  });

  it('fits what was measured between the two', () => {
    // bench/results/2026-11-21-batch.md, cluster-hit: 60.05 at 5,000, 9.57 at 93,970; at 20,000 it is 24.02, which is 0.48 of a core.
    const rate = plannedRate({ pacedMicros: 60.05, fullMicros: 9.57, fullPerSecond: 93_970 }, 0.48);
    expect(rate).toBeGreaterThan(16_000);
    expect(rate).toBeLessThan(20_000);
  });
});

describe('replicas', () => {
  const constants = { measured, queries };

  it('are two where one would do', () => {
    expect(dnsLoad({ ...cluster, nodes: 1 }, 'none', constants).replicas).toBe(2);
  });

  it('are one more than what takes the load', () => {
    const many = { ...cluster, nodes: 1000 };
    const { perSecond, perReplica, replicas } = dnsLoad(many, 'none', constants);
    expect(perSecond).toBeCloseTo(120_000);
    expect(perReplica).toBeLessThan(plannedRate(queries.udp, 0.5));
    expect(replicas).toBe(Math.ceil(perSecond / perReplica) + 1);
  });

  it('have less to do behind node caches, and less still where these keep denials', () => {
    const of = (caches: 'none' | 'plain' | 'watched'): number => dnsLoad(cluster, caches, constants).perSecond;
    expect(of('plain')).toBeLessThan(of('none'));
    expect(of('watched')).toBeLessThan(of('plain'));
  });

  it('are as many as the connections of node caches need, however little these ask', () => {
    const quiet = { ...cluster, nodes: 15_000, lookups: 0.001 };
    expect(dnsLoad(quiet, 'watched', constants).replicas).toBe((15_000 * 2) / 2500 + 1);
  });
});

describe('memory', () => {
  it('grows with Services, endpoints and Pods', () => {
    expect(memoryOf(MEMORY, 1024, 4096)).toBeCloseTo(80 + 2 * (2 + 1));
    expect(memoryOf(MEMORY, 0, 0, 1024)).toBeCloseTo(82);
  });

  it('leaves room in a limit for caches that are full and for all being listed again', () => {
    const { dns, dnsPods, node, nodeWatched, proxy } = memories(cluster, measured);
    for (const { mib, request, limit } of [dns, dnsPods, node, nodeWatched, proxy]) {
      expect(request).toBeGreaterThanOrEqual(mib);
      expect(limit).toBeGreaterThan(mib * 1.1);
      expect(request % 32).toBe(0);
      expect(limit % 64).toBe(0);
    }
    expect(dns.limit).toBeGreaterThan(dns.mib * 1.2 + 146);
    // nft's part, while it loads all elements.
    expect(proxy.limit).toBeGreaterThan(proxy.mib * 1.1 + (proxyWork(cluster, measured).elements * 2) / 1024);
    expect(dnsPods.mib - dns.mib).toBeCloseTo((4000 * 0.5 * 2) / 1024);
  });
});

describe('the proxy', () => {
  it('has elements for entries, endpoints, cluster IPs and own Pods', () => {
    const { elements, changes, cores, startCpuSeconds } = proxyWork(cluster, measured);
    expect(elements).toBeCloseTo(300 * 1.3 + 3000 * 1.3 + 300 + 30 * 1.3);
    expect(changes).toBeCloseTo(1 + 8 * 0.75);
    expect(cores).toBeCloseTo(7 * 0.002);
    expect(startCpuSeconds).toBeCloseTo(0.5 + 0.04 + 0.03);
  });
});
