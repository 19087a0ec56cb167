import type { Measured } from './measured.ts';
import { predictTrial } from './predict-trial.ts';
import {
  apiLoad,
  type Caches,
  type Cluster,
  type Constants,
  conntrackEntries,
  dnsLoad,
  HABITS,
  memories,
  passedShare,
  proxyWork,
  queriesOf,
  restartLoad,
  slicesOf,
  starts,
  watches,
} from './simulate.ts';

type Row = readonly string[];

/** Three digits at the most: nothing here is known better. */
const figure = (value: number): string => {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(value < 100 ? 2 : 3));
  return rounded.toLocaleString('en-US', { maximumSignificantDigits: 3 });
};

const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
const octets = (value: number): string => {
  for (const [unit, size] of OCTET_UNITS) if (value >= size) return `${figure(value / size)} ${unit}`;
  return `${figure(value)} B`;
};
const OCTET_UNITS = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
] as const;

const table = (head: Row, rows: readonly Row[]): string => {
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
};

/** A table with a column for each cluster. */
const bySize = (
  clusters: readonly Cluster[],
  rows: readonly (readonly [string, (cluster: Cluster) => string])[],
): string =>
  table(
    ['nodes', ...clusters.map(({ nodes }) => whole(nodes))],
    rows.map(([title, cell]) => [title, ...clusters.map(cell)]),
  );

/** All tables of docs/scale.md, by the name that its markers have. */
export const tablesOf = (clusters: readonly Cluster[], constants: Constants): Readonly<Record<string, string>> => {
  const { measured } = constants;
  return {
    clusters: clustersTable(clusters, measured),
    settings: settingsTable(clusters, constants),
    queries: queriesTable(clusters, constants),
    watches: watchesTable(clusters, constants),
    restart: restartTable(clusters, constants),
    memory: memoryTable(clusters, measured),
    proxy: proxyTable(clusters, measured),
    habits: habitsTable(),
    constants: constantsTable(constants),
    trial: trialTable(measured),
    machine: `${measured.date}, ${measured.machine}, commit ${measured.commit}`,
  };
};

const clustersTable = (clusters: readonly Cluster[], measured: Measured): string =>
  bySize(clusters, [
    ['Pods', ({ nodes, podsPerNode }) => `${whole(nodes * podsPerNode)} (${podsPerNode} a node)`],
    ['Services, a tenth of them headless', ({ services }) => whole(services)],
    ['endpoints a Service', ({ nodes, podsPerNode, services }) => figure((nodes * podsPerNode) / services)],
    ['EndpointSlices', (cluster) => whole(slicesOf(cluster, measured).count)],
    ['Pods replaced a second', ({ replacements }) => figure(replacements)],
    ['Services changed a second', ({ serviceChanges }) => figure(serviceChanges)],
    ['lookups a second, a Pod', ({ lookups }) => figure(lookups)],
  ]);

const settingsTable = (clusters: readonly Cluster[], constants: Constants): string => {
  const { measured } = constants;
  const replicas = (caches: Caches) => (cluster: Cluster) => whole(dnsLoad(cluster, caches, constants).replicas);
  const memory = (kind: keyof ReturnType<typeof memories>) => (cluster: Cluster) => {
    const { request, limit } = memories(cluster, measured)[kind];
    return `${request}Mi, ${limit}Mi`;
  };
  return bySize(clusters, [
    ['cluster-dns: `replicaCount` without node caches', replicas('none')],
    ['with node caches', replicas('plain')],
    ['with node caches, `service_watch` and `denial 9984 30`', replicas('watched')],
    ['cluster-dns: memory request, limit', memory('dns')],
    ['the same with `pods verified`', memory('dnsPods')],
    ['node-local-dns: memory request, limit', memory('node')],
    ['the same with `serviceWatch.enabled`', memory('nodeWatched')],
    ['service-proxy: memory request, limit', memory('proxy')],
  ]);
};

const queriesTable = (clusters: readonly Cluster[], constants: Constants): string => {
  const percent = (share: number): string => `${whole(100 * share)} %`;
  const passed = (caches: Caches) => (cluster: Cluster) => percent(passedShare(cluster, caches));
  const load = (caches: Caches) => (cluster: Cluster) => {
    const { perSecond, perReplica } = dnsLoad(cluster, caches, constants);
    return `${figure(perSecond)}; ${figure(perReplica)}`;
  };
  return bySize(clusters, [
    [
      'queries a second, all Pods; one node',
      (cluster) => `${figure(queriesOf(cluster).total)}; ${figure(queriesOf(cluster).perNode)}`,
    ],
    ['of them for names that are not there', (cluster) => percent(queriesOf(cluster).negativeShare)],
    ["past a node's cache to the cluster's DNS", passed('plain')],
    ['past one with `service_watch` and `denial 9984 30`', passed('watched')],
    ["to the cluster's DNS; planned for a replica: no node caches (UDP)", load('none')],
    ['node caches (TCP)', load('plain')],
    ['node caches with `service_watch` and `denial 9984 30` (TCP)', load('watched')],
    ['conntrack entries for DNS on a node without cache', (cluster) => figure(conntrackEntries(cluster))],
  ]);
};

const watchesTable = (clusters: readonly Cluster[], constants: Constants): string => {
  const { measured } = constants;
  const load = (kind: 'dns' | 'dnsPods' | 'node' | 'proxy') => (cluster: Cluster) =>
    apiLoad(clientsOf(cluster, kind, constants), watches(cluster, measured)[kind], measured);
  const rows = (title: string, kind: 'dns' | 'dnsPods' | 'node' | 'proxy') =>
    [
      [
        `${title}: watches; events a second`,
        (cluster: Cluster) => `${whole(load(kind)(cluster).watches)}; ${figure(load(kind)(cluster).events)}`,
      ],
      [
        'octets a second; to each',
        (cluster: Cluster) => {
          const { octets: all, clients } = load(kind)(cluster);
          return `${octets(all)}; ${octets(all / clients)}`;
        },
      ],
      [
        "cores; MiB of the API servers'",
        (cluster: Cluster) => `${figure(load(kind)(cluster).cores)}; ${figure(load(kind)(cluster).memoryMiB)}`,
      ],
    ] as const;
  return bySize(clusters, [
    ...rows('replicas', 'dns'),
    ...rows('replicas with `pods verified`', 'dnsPods'),
    ...rows('node caches with `service_watch`', 'node'),
    ...rows('proxies', 'proxy'),
    [
      'watches asked for anew a second, all but `pods verified`',
      (cluster) =>
        figure(load('dns')(cluster).requests + load('node')(cluster).requests + load('proxy')(cluster).requests),
    ],
  ]);
};

const restartTable = (clusters: readonly Cluster[], constants: Constants): string => {
  const { measured } = constants;
  const { lists } = measured;
  const rows = (title: string, kind: 'dns' | 'dnsPods' | 'node' | 'proxy') => {
    const start = (cluster: Cluster) => starts(cluster, measured)[kind];
    const all = (cluster: Cluster, ways: (typeof lists)[keyof typeof lists]) =>
      restartLoad(clientsOf(cluster, kind, constants), start(cluster), ways);
    return [
      [
        `${title}: octets for each; all`,
        (cluster: Cluster) => `${octets(start(cluster).octets)}; ${octets(all(cluster, lists.cache).octets)}`,
      ],
      [
        "the API servers' CPU s: WatchList; list from memory; pages from etcd",
        (cluster: Cluster) =>
          [lists.watchList, lists.cache, lists.pagesOldEtcd]
            .map((ways) => all(cluster, ways))
            .map(({ apiCpuSeconds, etcdCpuSeconds }) => figure(apiCpuSeconds + etcdCpuSeconds))
            .join('; '),
      ],
    ] as const;
  };
  return bySize(clusters, [
    ...rows('replicas', 'dns'),
    ...rows('replicas with `pods verified`', 'dnsPods'),
    ...rows('node caches with `service_watch`', 'node'),
    ...rows('proxies', 'proxy'),
  ]);
};

const clientsOf = (cluster: Cluster, kind: 'dns' | 'dnsPods' | 'node' | 'proxy', constants: Constants): number =>
  kind === 'dns' || kind === 'dnsPods' ? dnsLoad(cluster, 'plain', constants).replicas : cluster.nodes;

const memoryTable = (clusters: readonly Cluster[], measured: Measured): string => {
  const mib = (kind: keyof ReturnType<typeof memories>) => (cluster: Cluster) =>
    whole(memories(cluster, measured)[kind].mib);
  const all = (kind: 'node' | 'nodeWatched' | 'proxy') => (cluster: Cluster) =>
    octets(memories(cluster, measured)[kind].mib * cluster.nodes * 2 ** 20);
  return bySize(clusters, [
    ['replica, MiB', mib('dns')],
    ['replica with `pods verified`, MiB', mib('dnsPods')],
    ['node cache, MiB', mib('node')],
    ['node cache with `service_watch`, MiB', mib('nodeWatched')],
    ['proxy, MiB', mib('proxy')],
    ['all node caches', all('node')],
    ['all proxies', all('proxy')],
  ]);
};

const proxyTable = (clusters: readonly Cluster[], measured: Measured): string =>
  bySize(clusters, [
    ['changes a second, each node', (cluster) => figure(proxyWork(cluster, measured).changes)],
    ['elements of sets and maps, one family', (cluster) => figure(proxyWork(cluster, measured).elements)],
    [
      'MiB of nft while it loads or lists them',
      (cluster) => whole((proxyWork(cluster, measured).elements * measured.memory.nftElementKiB) / 1024),
    ],
    ['cores for changes, nft included', (cluster) => figure(proxyWork(cluster, measured).cores)],
    ['CPU s of a start, without nft', (cluster) => figure(proxyWork(cluster, measured).startCpuSeconds)],
    ['kB a second from the API server', (cluster) => figure(watches(cluster, measured).proxy.octets / 1000)],
  ]);

const habitsTable = (): string => {
  const percent = (share: number): string => `${whole(100 * share)} %`;
  return table(
    ['assumed at each size', 'as'],
    [
      ['updates of EndpointSlices for a replaced Pod', figure(HABITS.sliceUpdatesPerReplacement)],
      ['watch events of the two Pods', figure(HABITS.podEventsPerReplacement)],
      ['lookups of names outside of the cluster', percent(HABITS.externalShare)],
      [
        'queries for one of them (ndots:5, three search domains, A and AAAA); of them NXDOMAIN',
        `${HABITS.queriesPerExternalLookup}; ${HABITS.negativePerExternalLookup}`,
      ],
      [
        'queries for `service.namespace`; of them NXDOMAIN',
        `${HABITS.queriesPerClusterLookup}; ${HABITS.negativePerClusterLookup}`,
      ],
      ['different questions on a node, for each Pod there', figure(HABITS.questionsPerPod)],
      [
        "seconds that a node's cache keeps answers; denials; denials with `denial 9984 30`",
        `${HABITS.positiveSeconds}; ${HABITS.negativeSeconds}; ${HABITS.negativeSecondsWatched}`,
      ],
      ["queries that the cluster's DNS has to forward, where there are no node caches", percent(HABITS.missShare)],
      ['part of the core that takes the queries which is planned with', percent(HABITS.coreShare)],
      [
        "TCP connections from a node's cache; planned for a replica, which holds 5,000",
        `${HABITS.connectionsPerNode}; ${whole(HABITS.connectionsPerReplica)}`,
      ],
      ['ports a Service', figure(HABITS.portsPerService)],
    ],
  );
};

const constantsTable = ({ measured, queries }: Constants): string => {
  const { memory, octets: sizes, lists } = measured;
  const proxyChurn = measured.proxyChurn.at(-1) as Measured['proxyChurn'][number];
  const of = (costs: Measured['memory']['node']): Row => [
    figure(costs.baseMiB),
    figure(costs.serviceKiB),
    figure(costs.endpointKiB),
    figure(costs.residentRatio),
    figure(costs.peakRatio),
  ];
  const memoryRows = table(
    [
      'memory',
      'base MiB',
      'KiB a Service and its slice',
      'KiB an endpoint',
      'resident for each live KiB',
      'most at a start, of at rest',
    ],
    [
      ['replica', ...of(memory.dns)],
      ['node cache with `service_watch`', ...of(memory.node)],
      ['proxy', ...of(memory.proxy)],
    ],
  );
  const list = ({ apiMicros, etcdMicros }: Measured['lists']['cache']): string =>
    `${figure(apiMicros)} + ${figure(etcdMicros)}`;
  const others = table(
    ['constant', 'measured'],
    [
      [
        'a Pod with `pods verified`, KiB; most during a relist, of at rest',
        `${figure(memory.dns.podKiB)}; ${figure(memory.dns.relistRatio)}`,
      ],
      [
        'octets of a Service, a slice, each endpoint in it, a Pod, a Node',
        [sizes.service, sizes.slice, sizes.endpoint, sizes.pod, sizes.node].map(whole).join(', '),
      ],
      ['octets that an event has beside its object, over TLS', whole(sizes.eventOverhead)],
      ['a list with gzip, of one without', `${whole(100 * sizes.gzipRatio)} %`],
      [
        'API server: CPU us to tell one watch of one event; KiB for an open watch',
        `${figure(measured.apiEventMicros)}; ${figure(memory.apiWatchKiB)}`,
      ],
      ['API server + etcd: CPU us for an object of a list, as WatchList', list(lists.watchList)],
      ['from memory, the watch cache (`resourceVersion=0`)', list(lists.cache)],
      ['by pages; with an etcd before 3.4.31', `${list(lists.pages)}; ${list(lists.pagesOldEtcd)}`],
      ['nft: KiB for each element that it loads, at the most', figure(memory.nftElementKiB)],
      [
        `proxy: CPU ms of a change at ${whole(proxyChurn.changesPerSecond)} a second, own + nft; syncs a second`,
        `${figure(proxyChurn.ownMillis)} + ${figure(proxyChurn.toolMillis)}; ${figure(proxyChurn.syncsPerSecond)}`,
      ],
      [
        'CPU us of a watch event for a replica; for a node cache',
        `${figure(measured.eventMicros.dns)}; ${figure(measured.eventMicros.node)}`,
      ],
      [
        `requests of a start with ${whole(measured.requests.services)} Services, replica and node cache: with WatchList; without`,
        `${measured.requests.watchList.dns} and ${measured.requests.watchList.node}; ${measured.requests.withoutWatchList.dns} and ${measured.requests.withoutWatchList.node}`,
      ],
      [
        `CPU us of a query at 5,000 a second (${queries.file}): UDP, repeated; TCP, repeated; forwarded`,
        [queries.udp.pacedMicros, queries.tcp.pacedMicros, queries.missMicros].map(figure).join('; '),
      ],
    ],
  );
  return `${memoryRows}\n\n${others}`;
};

const trialTable = (measured: Measured): string => {
  const { trial } = measured;
  const predicted = predictTrial(measured);
  const row = (title: string, is: number, said: number): Row => [
    title,
    figure(said),
    figure(is),
    `${whole(100 * (said / is - 1))} %`,
  ];
  return table(
    [
      `${trial.replicas} replicas, ${whole(trial.services)} Services, ${figure(trial.eventsPerSecond)} changes a second`,
      'said',
      'measured',
      'error',
    ],
    [
      row('watch events a second, all', trial.watchEventsPerSecond, predicted.watchEventsPerSecond),
      row('octets of them a second', trial.watchOctetsPerSecond, predicted.watchOctetsPerSecond),
      row("cores of the API server's", trial.apiCpu, predicted.apiCpu),
      row("CPU s of the API server's for the starts", trial.apiStartCpuSeconds, predicted.apiStartCpuSeconds),
      row('MiB of a replica', trial.replicaMiB, predicted.replicaMiB),
    ],
  );
};
