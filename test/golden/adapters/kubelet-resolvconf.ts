import { isDeepStrictEqual } from 'node:util';
import { fitLimits, KUBELET_LIMITS, type ResolvConfLimits } from '#kube/kubelet/limits.ts';
import { parseResolvConf, type ResolvConf } from '#kube/kubelet/parse-resolv-conf.ts';
import { formatResolvConf, type NodeDns, type PodResolvConf, podResolvConf } from '#kube/kubelet/resolv-conf.ts';
import type { RawObject } from '#kube/objects/json.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface PodCase {
  readonly desc: string;
  readonly pod: { readonly spec: { readonly dnsConfig?: Partial<ResolvConf> } } & RawObject;
  readonly node: {
    readonly cluster_dns?: readonly string[];
    readonly cluster_domain?: string;
    readonly host_resolv_conf: string | null;
    readonly node_ips?: readonly string[];
    readonly limits?: { readonly search_paths: number; readonly search_chars: number };
  };
  readonly expected_resolv_conf: string;
  readonly expected: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
    readonly events: readonly string[];
  };
  /** Only the limits are looked at. */
  readonly skip_dedup?: boolean;
}

interface ParseCase extends Partial<ResolvConf> {
  readonly text: string;
  readonly error?: boolean;
}

const hostOf = (text: string | null): ResolvConf | null => {
  if (text === null) return null;
  const conf = parseResolvConf(text);
  if ('error' in conf) throw new Error(conf.error);
  return conf;
};

const limitsOf = ({ node }: PodCase): ResolvConfLimits =>
  node.limits === undefined
    ? KUBELET_LIMITS
    : { ...KUBELET_LIMITS, searchPaths: node.limits.search_paths, searchCharacters: node.limits.search_chars };

const run = (row: PodCase): PodResolvConf => {
  const { node, pod } = row;
  if (row.skip_dedup === true) {
    const { nameservers = [], searches = [] } = pod.spec.dnsConfig ?? {};
    return fitLimits({ nameservers, searches, options: [] }, limitsOf(row));
  }
  const nodeDns: NodeDns = {
    clusterDns: node.cluster_dns ?? [],
    clusterDomain: node.cluster_domain ?? '',
    host: hostOf(node.host_resolv_conf),
    nodeIps: node.node_ips ?? [],
    limits: limitsOf(row),
  };
  return podResolvConf(pod, nodeDns);
};

/** The order of options is free, so they are sorted for the comparison, in the text too. */
const sortOptions = (text: string): string =>
  text.replace(/^options (.*)$/m, (_line, options: string) => `options ${options.split(' ').sort().join(' ')}`);

const replayPod = (row: PodCase): Outcome => {
  const name = `kubelet-resolvconf: ${row.desc}`;
  const { conf, events } = run(row);
  const found = {
    text: sortOptions(formatResolvConf(conf)),
    servers: conf.nameservers,
    searches: conf.searches,
    options: [...conf.options].sort(),
    events: row.expected.events.map((event) =>
      events.some(({ reason, message }) => reason === event || message.startsWith(event)),
    ),
    eventCount: events.length,
  };
  const expected = {
    text: sortOptions(row.expected_resolv_conf),
    servers: row.expected.servers,
    searches: row.expected.searches,
    options: [...row.expected.options].sort(),
    events: row.expected.events.map(() => true),
    eventCount: row.expected.events.length,
  };
  return compared(name, found, expected);
};

const replayParse = (row: ParseCase): Outcome => {
  const found = parseResolvConf(row.text);
  const { nameservers, searches, options } = row;
  const isError = 'error' in found;
  return row.error === true
    ? compared(`resolvconf-parse: ${JSON.stringify(row.text)}`, isError, true)
    : compared(`resolvconf-parse: ${JSON.stringify(row.text)}`, found, { nameservers, searches, options });
};

const compared = (name: string, found: unknown, expected: unknown): Outcome =>
  isDeepStrictEqual(found, expected)
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}` };

const adapter: Adapter = {
  files: ['spec/kubelet-resolvconf.json', 'spec/resolvconf-parse.json'],
  replay: async (file, data) =>
    file.endsWith('resolvconf-parse.json')
      ? (data as { readonly cases: readonly ParseCase[] }).cases.map(replayParse)
      : (data as { readonly cases: readonly PodCase[] }).cases.map(replayPod),
};

export default adapter;
