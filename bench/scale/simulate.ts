// A cluster on paper: what DNS replicas, node caches and Service proxies ask of the API server, of each other and of the nodes. Arithmetic over measured
// constants; nothing here is measured.
import type { ListCosts, Measured, MemoryCosts } from './measured.ts';
import { PACED_PER_SECOND, type QueryCosts, type RateCosts } from './query-costs.ts';

/** A cluster and what goes on in it. */
export interface Cluster {
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly services: number;
  /** Part of the Services (and of their endpoints) that are headless. */
  readonly headlessShare: number;
  /** Pods that are replaced each second, while much is rolled out. */
  readonly replacements: number;
  /** Services made, changed and deleted a second. */
  readonly serviceChanges: number;
  /** Names that a Pod looks up a second. */
  readonly lookups: number;
}

/** What is the same at each size. */
export const HABITS = {
  /** Updates of an EndpointSlice for a replaced Pod: the new one, ready; the old one, not ready, gone. */
  sliceUpdatesPerReplacement: 4,
  /** Watch events of the two Pods: made, scheduled, started, ready; told to end, ended, gone. */
  podEventsPerReplacement: 8,
  /** Endpoints that a slice holds at the most. */
  endpointsPerSlice: 100,
  /** Lookups of names outside of the cluster, of all. */
  externalShare: 0.5,
  /** ndots:5 and three search domains: A and AAAA of each until one is there. */
  queriesPerExternalLookup: 8,
  /** `service.namespace` is there in the second search domain. */
  queriesPerClusterLookup: 4,
  /** Of these queries, those for names that are not there. */
  negativePerExternalLookup: 6,
  negativePerClusterLookup: 2,
  /** Different questions on a node, a Pod: what most of them ask, others ask too. */
  questionsPerPod: 6,
  /** Seconds that a node's cache keeps answers, and denials of the cluster's zone with and without `service_watch`. */
  positiveSeconds: 30,
  negativeSeconds: 1,
  negativeSecondsWatched: 30,
  /** Queries to the cluster's DNS that it has to forward, where there are no node caches. */
  missShare: 0.02,
  /** Of the one core that takes the queries: the listener thread's over UDP, the main thread's over TCP. The rest is for what was not thought of. */
  coreShare: 0.5,
  /** TCP connections from a node's cache, and how many a replica is planned for: half of those that it holds. */
  connectionsPerNode: 2,
  connectionsPerReplica: 2500,
  /** A watch is asked for anew after 300 to 600 s. */
  watchSeconds: 450,
  bookmarkSeconds: 60,
  bookmarkOctets: 100,
  /** A Node changes each five minutes where nothing happens to it. */
  nodeUpdateSeconds: 300,
  /** Ports of a Service. */
  portsPerService: 1.3,
  namespaceOctets: 600,
  servicesPerNamespace: 20,
} as const;

export interface Constants {
  readonly measured: Measured;
  readonly queries: QueryCosts;
}

/** What is told to one watching process, a second. */
export interface Told {
  readonly events: number;
  readonly octets: number;
}

/** What one process lists at its start. */
export interface Start {
  readonly objects: number;
  readonly octets: number;
}

const plus = (...all: readonly Told[]): Told => ({
  events: all.reduce((sum, { events }) => sum + events, 0),
  octets: all.reduce((sum, { octets }) => sum + octets, 0),
});

/** Endpoints of a Service: each Pod belongs to one. */
const endpointsOf = ({ nodes, podsPerNode }: Cluster): number => nodes * podsPerNode;

interface Slices {
  readonly count: number;
  /** Of one, on average. */
  readonly octets: number;
}

export const slicesOf = (cluster: Cluster, { octets }: Measured): Slices => {
  const perService = endpointsOf(cluster) / cluster.services;
  const perSlice = Math.max(1, Math.ceil(perService / HABITS.endpointsPerSlice));
  return {
    count: cluster.services * perSlice,
    octets: octets.slice + (perService / perSlice) * octets.endpoint,
  };
};

/** Watch events a second of one kind, to one watcher of all of it. */
const watchOf = (perSecond: number, octets: number, { octets: { eventOverhead } }: Measured): Told => ({
  events: perSecond,
  octets: perSecond * (octets + eventOverhead),
});

/** What each kind of client is told a second. */
export const watches = (
  cluster: Cluster,
  measured: Measured,
): Readonly<Record<'dns' | 'dnsPods' | 'node' | 'proxy', Told & { readonly watches: number }>> => {
  const { octets } = measured;
  const services = watchOf(cluster.serviceChanges, octets.service, measured);
  const updates = cluster.replacements * HABITS.sliceUpdatesPerReplacement;
  const slices = (share: number): Told => watchOf(updates * share, slicesOf(cluster, measured).octets, measured);
  const pods = watchOf(cluster.replacements * HABITS.podEventsPerReplacement, octets.pod, measured);
  const ownNode = watchOf(1 / HABITS.nodeUpdateSeconds, octets.node, measured);
  const bookmarks = (kinds: number): Told => watchOf(kinds / HABITS.bookmarkSeconds, HABITS.bookmarkOctets, measured);
  const { headlessShare } = cluster;
  return {
    dns: { ...plus(services, slices(1), bookmarks(3)), watches: 3 },
    dnsPods: { ...plus(services, slices(1), pods, bookmarks(4)), watches: 4 },
    node: { ...plus(services, slices(headlessShare), bookmarks(2)), watches: 2 },
    proxy: { ...plus(services, slices(1 - headlessShare), ownNode, bookmarks(4)), watches: 4 },
  };
};

/** What each kind of client lists at its start. */
export const starts = (
  cluster: Cluster,
  measured: Measured,
): Readonly<Record<'dns' | 'dnsPods' | 'node' | 'proxy', Start>> => {
  const { octets } = measured;
  const slices = slicesOf(cluster, measured);
  const of = (parts: readonly (readonly [count: number, octets: number])[]): Start => ({
    objects: parts.reduce((sum, [count]) => sum + count, 0),
    octets: parts.reduce((sum, [count, each]) => sum + count * each, 0),
  });
  const services = [cluster.services, octets.service] as const;
  const some = (share: number) => [slices.count * share, slices.octets] as const;
  const namespaces = [cluster.services / HABITS.servicesPerNamespace, HABITS.namespaceOctets] as const;
  return {
    dns: of([services, some(1), namespaces]),
    dnsPods: of([services, some(1), namespaces, [endpointsOf(cluster), octets.pod]]),
    node: of([services, some(cluster.headlessShare)]),
    proxy: of([services, some(1 - cluster.headlessShare), [1, octets.node]]),
  };
};

export interface Queries {
  /** A second, of all Pods. */
  readonly total: number;
  /** Of one node. */
  readonly perNode: number;
  /** For names of the cluster's zone that are not there: search paths. */
  readonly negativeShare: number;
  /** For names of the cluster that are there; the rest is for names outside of it, which a node's cache asks elsewhere. */
  readonly clusterShare: number;
}

export const queriesOf = (cluster: Cluster): Queries => {
  const mean = (external: number, own: number): number =>
    HABITS.externalShare * external + (1 - HABITS.externalShare) * own;
  const { queriesPerExternalLookup, queriesPerClusterLookup, negativePerExternalLookup, negativePerClusterLookup } =
    HABITS;
  const perLookup = mean(queriesPerExternalLookup, queriesPerClusterLookup);
  const perPod = cluster.lookups * perLookup;
  return {
    total: perPod * endpointsOf(cluster),
    perNode: perPod * cluster.podsPerNode,
    negativeShare: mean(negativePerExternalLookup, negativePerClusterLookup) / perLookup,
    clusterShare: mean(0, queriesPerClusterLookup - negativePerClusterLookup) / perLookup,
  };
};

/** Part of the questions that are answered from a cache which keeps an answer so long, where each is asked at this rate at random moments. */
export const hitShare = (ratePerQuestion: number, seconds: number): number =>
  (ratePerQuestion * seconds) / (1 + ratePerQuestion * seconds);

export type Caches = 'none' | 'plain' | 'watched';

/** Part of all queries that reach the cluster's DNS. */
export const passedShare = (cluster: Cluster, caches: Caches): number => {
  if (caches === 'none') return 1;
  const { perNode, negativeShare, clusterShare } = queriesOf(cluster);
  const rate = perNode / (cluster.podsPerNode * HABITS.questionsPerPod);
  const negativeSeconds = caches === 'watched' ? HABITS.negativeSecondsWatched : HABITS.negativeSeconds;
  return (
    negativeShare * (1 - hitShare(rate, negativeSeconds)) + clusterShare * (1 - hitShare(rate, HABITS.positiveSeconds))
  );
};

/**
 * Queries a second that take such a part of a core. The more come, the more are taken at once, and the less each costs: between the two measured
 * loads by a power of the rate. At 20,000 a second over UDP that says 25 us where 24 were measured.
 */
export const plannedRate = ({ pacedMicros, fullMicros, fullPerSecond }: RateCosts, share: number): number => {
  const exponent = Math.log(fullMicros / pacedMicros) / Math.log(fullPerSecond / PACED_PER_SECOND);
  const shareAtPaced = (PACED_PER_SECOND * pacedMicros) / 1e6;
  return PACED_PER_SECOND * (share / shareAtPaced) ** (1 / (1 + exponent));
};

export interface DnsLoad {
  /** Queries a second to the replicas. */
  readonly perSecond: number;
  /** That one replica is planned for. */
  readonly perReplica: number;
  readonly replicas: number;
}

/** The cluster's DNS where nodes have no cache, one, or one with `service_watch`. */
export const dnsLoad = (cluster: Cluster, caches: Caches, { queries }: Constants): DnsLoad => {
  const perSecond = queriesOf(cluster).total * passedShare(cluster, caches);
  const hasNodeCaches = caches !== 'none';
  const { coreShare, connectionsPerNode, connectionsPerReplica } = HABITS;
  const hits = plannedRate(hasNodeCaches ? queries.tcp : queries.udp, coreShare);
  // What has to be forwarded is asked for by node caches elsewhere.
  const missMicros = hasNodeCaches ? 0 : HABITS.missShare * queries.missMicros;
  const perReplica = 1 / (1 / hits + missMicros / 1e6 / coreShare);
  const connections = hasNodeCaches ? (cluster.nodes * connectionsPerNode) / connectionsPerReplica : 0;
  const needed = Math.ceil(Math.max(perSecond / perReplica, connections));
  return { perSecond, perReplica, replicas: Math.max(2, needed + 1) };
};

/** Resident MiB. */
export const memoryOf = (costs: MemoryCosts, services: number, endpoints: number, moreKiB = 0): number =>
  costs.baseMiB +
  ((services * costs.serviceKiB + endpoints * costs.endpointKiB + moreKiB) * costs.residentRatio) / 1024;

/** Caches of a DNS server that are full. test: `node bench/run.mjs fuzz`, 78 MiB before and 224 with all caches full. */
const FULL_CACHES_MIB = 146;
/** A node's cache: `memory 32Mi`. */
const NODE_CACHE_MIB = 32;

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;

export interface Memory {
  readonly mib: number;
  readonly request: number;
  readonly limit: number;
}

/** `more` is what comes to `mib` at the most, and `usually` what does most of the time. */
const withRoom = (mib: number, ratio: number, more: number, usually = more / 2): Memory => ({
  mib,
  request: roundUp(mib + usually, 32),
  limit: roundUp(mib * ratio + more, 64) + 64,
});

/** An nft waits for the next change. */
const WAITING_NFT_MIB = 3;

export const memories = (
  cluster: Cluster,
  measured: Measured,
): Readonly<Record<'dns' | 'dnsPods' | 'node' | 'nodeWatched' | 'proxy', Memory>> => {
  const endpoints = endpointsOf(cluster);
  const { services, headlessShare } = cluster;
  const { dns, node, proxy, nftElementKiB } = measured.memory;
  const ratio = Math.max(dns.peakRatio, dns.relistRatio);
  const plain = memoryOf(dns, services, endpoints);
  const withPods = memoryOf(dns, services, endpoints, endpoints * dns.podKiB);
  // Of headless Services it is told of the Service only.
  const proxyMiB = memoryOf(proxy, services, endpoints * (1 - headlessShare));
  const nftMiB = (proxyWork(cluster, measured).elements * nftElementKiB) / 1024;
  return {
    dns: withRoom(plain, ratio, FULL_CACHES_MIB),
    dnsPods: withRoom(withPods, ratio, FULL_CACHES_MIB),
    node: withRoom(node.baseMiB, node.peakRatio, NODE_CACHE_MIB),
    nodeWatched: withRoom(memoryOf(node, services, endpoints), node.peakRatio, NODE_CACHE_MIB),
    proxy: withRoom(proxyMiB, proxy.peakRatio, nftMiB, WAITING_NFT_MIB),
  };
};

/** What all watches of one kind of client ask of the API servers together. */
export interface ApiLoad {
  readonly clients: number;
  readonly watches: number;
  readonly events: number;
  readonly octets: number;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Watches that are asked for anew, a second. */
  readonly requests: number;
}

export const apiLoad = (clients: number, told: Told & { readonly watches: number }, measured: Measured): ApiLoad => ({
  clients,
  watches: clients * told.watches,
  events: clients * told.events,
  octets: clients * told.octets,
  cores: (clients * told.events * measured.apiEventMicros) / 1e6,
  memoryMiB: (clients * told.watches * measured.memory.apiWatchKiB) / 1024,
  requests: (clients * told.watches) / HABITS.watchSeconds,
});

export interface RestartLoad {
  readonly objects: number;
  readonly octets: number;
  readonly apiCpuSeconds: number;
  readonly etcdCpuSeconds: number;
}

/** What it takes to list everything again by all of one kind of client at once. */
export const restartLoad = (clients: number, start: Start, costs: ListCosts): RestartLoad => ({
  objects: clients * start.objects,
  octets: clients * start.octets,
  apiCpuSeconds: (clients * start.objects * costs.apiMicros) / 1e6,
  etcdCpuSeconds: (clients * start.objects * costs.etcdMicros) / 1e6,
});

export interface ProxyWork {
  readonly changes: number;
  /** Elements of sets and maps, one family. */
  readonly elements: number;
  /** Of one core, nft's part included; one sync a second takes them all. */
  readonly cores: number;
  /** CPU s until the first rules are there, without nft's. */
  readonly startCpuSeconds: number;
}

/** The Service proxy on one node, in nftables mode: elements by the table in docs/architecture.md, all Services being plain cluster IPs. */
export const proxyWork = (cluster: Cluster, { start, proxyChurn }: Measured): ProxyWork => {
  const share = 1 - cluster.headlessShare;
  const services = cluster.services * share;
  const endpoints = endpointsOf(cluster) * share;
  const changes = cluster.serviceChanges + cluster.replacements * HABITS.sliceUpdatesPerReplacement * share;
  const { ownMillis = 0, toolMillis = 0 } = proxyChurn.at(-1) ?? {};
  return {
    changes,
    cores: (changes * (ownMillis + toolMillis)) / 1000,
    // service-ips an entry, endpoints for each of its endpoints, cluster-ips once, hairpin-connections for those of this node.
    elements:
      services * HABITS.portsPerService +
      endpoints * HABITS.portsPerService +
      services +
      cluster.podsPerNode * share * HABITS.portsPerService,
    startCpuSeconds:
      start.proxy.baseMillis / 1000 +
      (cluster.services * start.proxy.serviceMicros + endpoints * start.proxy.endpointMicros) / 1e6,
  };
};

/** Entries of conntrack that DNS takes on a node: one for each socket that asked, for 30 s. A lookup's two queries share a socket. */
export const conntrackEntries = (cluster: Cluster): number => (queriesOf(cluster).perNode / 2) * 30;
