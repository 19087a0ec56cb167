import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { parseResolvConf, type ResolvConf } from '#kube/kubelet/parse-resolv-conf.ts';
import { formatResolvConf, podResolvConf } from '#kube/kubelet/resolv-conf.ts';
import { serviceEnvironment } from '#kube/kubelet/service-environment.ts';
import type { CompleteCluster } from '#kube/manifests/complete.ts';
import { formatFault } from '#kube/manifests/fault.ts';
import { loadCluster } from '#kube/manifests/load.ts';
import { asList, asObject, asText, type RawObject } from '#kube/objects/json.ts';
import type { CliIo } from './io.ts';
import { longFlags } from './long-flags.ts';

const USAGE = `usage: cluster-dns pod NAMESPACE/POD --manifests DIR... [--cluster-dns IP]... [--cluster-domain DOMAIN] [--resolv-conf FILE]

Prints the resolv.conf that kubelet would write for a Pod, and the Service environment variables that it would get.
  --manifests DIR        where the Pod and the Services are; may be given more than once (default: examples)
  --cluster-dns IP       kubelet's clusterDNS; may be given more than once (default: the ClusterIP of kube-system/kube-dns)
  --cluster-domain NAME  kubelet's clusterDomain (default: cluster.local)
  --resolv-conf FILE     the node's resolv.conf (default: /etc/resolv.conf)
`;

/** `cluster-dns pod`: 0, 1 where there is no such Pod or the node's resolv.conf can't be used, 2 for wrong arguments. */
export const runPod = async (args: string[], io: CliIo): Promise<number> => {
  const options = readArguments(args);
  if ('error' in options) {
    io.stderr(`cluster-dns pod: ${options.error}\n\n${USAGE}`);
    return 2;
  }
  if (options.isHelp) {
    io.stdout(USAGE);
    return 0;
  }
  const cluster = loadCluster(options.directories);
  for (const fault of cluster.faults) io.stderr(`# ${formatFault(fault)}\n`);
  const pod = cluster.pods.find((raw) => keyOf(raw) === options.pod);
  if (pod === undefined) {
    io.stderr(
      `cluster-dns pod: there is no Pod ${options.pod} in ${options.directories.join(', ')}${others(cluster, options.pod)}\n`,
    );
    return 1;
  }
  const host = readHost(options.resolvConf, io);
  if (host !== null && 'error' in host) {
    io.stderr(`cluster-dns pod: ${options.resolvConf}: ${host.error}\n`);
    return 1;
  }
  print(pod, cluster, options, host, io);
  return 0;
};

const print = (
  pod: RawObject,
  cluster: CompleteCluster,
  options: PodOptions,
  host: ResolvConf | null,
  io: CliIo,
): void => {
  const clusterDns = options.clusterDns ?? dnsServiceIps(cluster);
  const { conf, events } = podResolvConf(pod, { clusterDns, clusterDomain: options.clusterDomain, host });
  for (const { reason, message } of events) io.stderr(`# Warning ${reason}: ${message}\n`);
  io.stdout(`# /etc/resolv.conf\n${formatResolvConf(conf)}\n# environment\n`);
  for (const [name, value] of serviceEnvironment(pod, cluster.services)) io.stdout(`${name}=${value}\n`);
};

const keyOf = (raw: RawObject): string => {
  const { namespace, name } = asObject(raw.metadata);
  return `${asText(namespace)}/${asText(name)}`;
};

const others = ({ pods }: CompleteCluster, pod: string): string => {
  const name = pod.slice(pod.indexOf('/') + 1);
  const known = pods.map(keyOf);
  const elsewhere = known.filter((key) => key.endsWith(`/${name}`));
  const candidates = elsewhere.length > 0 ? elsewhere : known;
  const shown = candidates.slice(0, 5);
  return shown.length === 0 ? '' : `; there is ${shown.join(', ')}${candidates.length > shown.length ? ', ...' : ''}`;
};

/** kubeadm points kubelet at this Service. */
const dnsServiceIps = ({ services }: CompleteCluster): string[] => {
  const service = services.find((raw) => keyOf(raw) === 'kube-system/kube-dns');
  const ips = asList(asObject(service?.spec).clusterIPs).filter((ip) => typeof ip === 'string' && ip !== 'None');
  return ips.length === 0 ? ['10.96.0.10'] : (ips as string[]);
};

/** null where the node has none. */
const readHost = (file: string, io: CliIo): ResolvConf | { readonly error: string } | null => {
  try {
    return parseResolvConf(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') return { error: message };
    io.stderr(`# ${file}: there is no such file, so the node has no name servers of its own\n`);
    return null;
  }
};

interface PodOptions {
  readonly pod: string;
  readonly directories: readonly string[];
  /** undefined where it is left to the manifests. */
  readonly clusterDns: readonly string[] | undefined;
  readonly clusterDomain: string;
  readonly resolvConf: string;
  readonly isHelp: boolean;
}

const readArguments = (args: string[]): PodOptions | { readonly error: string } => {
  try {
    const { values, positionals } = parseArgs({
      args: longFlags(args),
      allowPositionals: true,
      options: {
        manifests: { type: 'string', multiple: true },
        'cluster-dns': { type: 'string', multiple: true },
        'cluster-domain': { type: 'string' },
        'resolv-conf': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const isHelp = values.help === true;
    const [name = '', ...more] = positionals;
    if (!isHelp && (name === '' || more.length > 0)) return { error: 'which Pod? Give one NAMESPACE/POD' };
    // kubelet's own flag takes a comma-separated list.
    const clusterDns = values['cluster-dns']?.flatMap((text) => text.split(',')).filter((text) => text !== '');
    const wrong = clusterDns?.find((ip) => isIP(ip) === 0);
    if (wrong !== undefined) return { error: `--cluster-dns ${wrong} is not an IP address` };
    return {
      pod: name.includes('/') ? name : `default/${name}`,
      directories: values.manifests ?? ['examples'],
      clusterDns,
      clusterDomain: (values['cluster-domain'] ?? 'cluster.local').replace(/\.$/, ''),
      resolvConf: values['resolv-conf'] ?? '/etc/resolv.conf',
      isHelp,
    };
  } catch (error) {
    return { error: (error as Error).message };
  }
};
