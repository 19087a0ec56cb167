import {
  external,
  headless,
  hits,
  neverAsked,
  newExternal,
  podMix,
  ports,
  type QueryList,
  reverse,
  searchMisses,
} from './queries.ts';

/** What a server must be able to answer to take part. */
export type Ability = 'cluster' | 'cluster-a' | 'cluster-nxdomain' | 'external' | 'forwarding' | 'echo' | 'floor';

export interface Scenario {
  readonly name: string;
  /** What `--only` may say for all of its kind; left out: its name. */
  readonly group?: string;
  readonly title: string;
  readonly queries: QueryList;
  /** No query is asked twice, in no measurement. */
  readonly isUnique?: boolean;
  readonly isTcp?: boolean;
  /** EDNS UDP size; left out: no OPT. */
  readonly udpSize?: number;
  /** Services in the cluster; left out: `--services`. */
  readonly services?: number;
  /** As many queries as come back, with 200 outstanding: CPU and queries a second. Left out: yes. */
  readonly isClosedLoop?: boolean;
  /** Queries a second of the fixed rate: latency. Left out: `--rate`; 0: none. */
  readonly rate?: number;
  /** Who takes part, by what a server can do. */
  readonly needs: readonly Ability[];
  /** The dgram listener is measured too, where its costs differ most. */
  readonly withDgram?: boolean;
  readonly during?: 'churn' | 'relist';
  /** RCODE of every reply; left out: several. */
  readonly rcode?: 'NOERROR' | 'NXDOMAIN';
}

const CLUSTER = ['cluster'] as const;

/** In the order that they are run in for one number of Services. */
export const scenarios = (rate: number): readonly Scenario[] => [
  {
    name: 'cluster-hit',
    title: 'cluster A, repeated names',
    queries: hits,
    needs: ['cluster', 'cluster-a', 'echo'],
    withDgram: true,
    rcode: 'NOERROR',
  },
  {
    name: 'nxdomain',
    title: 'cluster NXDOMAIN, a search-path miss, repeated',
    queries: searchMisses,
    needs: ['cluster', 'cluster-nxdomain'],
    withDgram: true,
    rcode: 'NXDOMAIN',
  },
  {
    name: 'headless-tc',
    group: 'headless',
    title: 'headless, 100 endpoints, UDP without EDNS: truncated',
    queries: headless,
    needs: CLUSTER,
    rate: Math.min(rate, 2000),
    rcode: 'NOERROR',
  },
  {
    name: 'headless-tcp',
    group: 'headless',
    title: 'headless, 100 endpoints, the same over TCP',
    queries: headless,
    needs: CLUSTER,
    rate: Math.min(rate, 2000),
    isTcp: true,
    rcode: 'NOERROR',
  },
  {
    name: 'headless-edns',
    group: 'headless',
    title: 'headless, 100 endpoints, EDNS size 4096',
    queries: headless,
    needs: CLUSTER,
    rate: Math.min(rate, 2000),
    udpSize: 4096,
    rcode: 'NOERROR',
  },
  { name: 'srv', title: 'cluster SRV, repeated names', queries: ports, needs: CLUSTER, rcode: 'NOERROR' },
  { name: 'ptr', title: 'PTR of ClusterIPs, repeated names', queries: reverse, needs: CLUSTER, rcode: 'NOERROR' },
  {
    name: 'external-hit',
    title: 'external name, cached',
    queries: external,
    needs: ['cluster', 'external', 'forwarding'],
    withDgram: true,
    rcode: 'NOERROR',
  },
  {
    name: 'external-miss',
    title: 'external name, every one new, forwarded',
    queries: newExternal,
    isUnique: true,
    needs: ['cluster', 'forwarding'],
    withDgram: true,
    rcode: 'NOERROR',
  },
  {
    name: 'mix',
    title: 'what a pod sends: ndots:5, three search domains, A and AAAA',
    queries: podMix,
    needs: CLUSTER,
    withDgram: true,
  },
  {
    name: 'never-asked',
    title: 'cluster names never asked before: NXDOMAIN',
    queries: neverAsked,
    isUnique: true,
    needs: CLUSTER,
    rcode: 'NXDOMAIN',
  },
  {
    name: 'tcp',
    title: 'cluster A over 8 kept TCP connections',
    queries: hits,
    needs: CLUSTER,
    isTcp: true,
    rcode: 'NOERROR',
  },
  ...[1000, 20_000].map(
    (fixed): Scenario => ({
      name: `rate-${fixed}`,
      group: 'rates',
      title: `cluster A at ${fixed} queries a second`,
      queries: hits,
      needs: ['cluster', 'floor'],
      withDgram: true,
      isClosedLoop: false,
      rate: fixed,
      rcode: 'NOERROR',
    }),
  ),
  {
    name: 'churn-hit',
    group: 'churn',
    title: 'cluster A, repeated names, under 100 endpoint changes a second',
    queries: hits,
    needs: CLUSTER,
    during: 'churn',
    rcode: 'NOERROR',
  },
  {
    name: 'churn-mix',
    group: 'churn',
    title: 'what a pod sends, under 100 endpoint changes a second',
    queries: podMix,
    needs: CLUSTER,
    during: 'churn',
  },
  ...[100, 1000, 5000, 20_000, 50_000].map(
    (services): Scenario => ({
      name: `services-${services}`,
      group: 'services',
      title: `cluster A, repeated names, ${services} Services`,
      queries: hits,
      needs: CLUSTER,
      services,
      rate: 0,
      rcode: 'NOERROR',
    }),
  ),
  {
    name: 'relist',
    title: 'cluster A at 20000 queries a second while 20000 Services are listed again',
    queries: hits,
    needs: CLUSTER,
    services: 20_000,
    isClosedLoop: false,
    rate: 20_000,
    during: 'relist',
    rcode: 'NOERROR',
  },
];

/** Those whose name or group is asked for; all where nothing is. Throws for a name that is none. */
export const selectScenarios = (all: readonly Scenario[], only: readonly string[]): readonly Scenario[] => {
  for (const name of only)
    if (!all.some((each) => each.name === name || each.group === name))
      throw new Error(`--only ${name} is none of ${all.map((each) => each.name).join(', ')}`);
  return all.filter(({ name, group }) => only.length === 0 || only.includes(name) || only.includes(group ?? name));
};
