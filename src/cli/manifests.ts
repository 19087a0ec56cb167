import { parseArgs } from 'node:util';
import { dump } from 'js-yaml';
import { addressRange } from '#kube/manifests/address-range.ts';
import type { CompleteCluster } from '#kube/manifests/complete.ts';
import { formatFault } from '#kube/manifests/fault.ts';
import { loadCluster } from '#kube/manifests/load.ts';
import type { CliIo } from './io.ts';
import { longFlags } from './long-flags.ts';

const USAGE = `usage: cluster-dns manifests DIR... [--service-cidr CIDR]...

Prints what the manifests in the directories describe, completed as a cluster's controllers would: Namespaces,
ClusterIPs, node ports, EndpointSlices, Pod addresses. Ready for: kubectl apply -f -
ClusterIPs come from the ranges of --service-cidr, else of the ServiceCIDRs among the manifests, else from
10.96.0.0/12 and fd00:10:96::/112.
`;

/** `cluster-dns manifests`: 0, 1 where a manifest has a fault (the rest is printed all the same), 2 for wrong arguments. */
export const runManifests = async (args: string[], io: CliIo): Promise<number> => {
  const options = readArguments(args);
  if ('error' in options) {
    io.stderr(`cluster-dns manifests: ${options.error}\n\n${USAGE}`);
    return 2;
  }
  if (options.isHelp) {
    io.stdout(USAGE);
    return 0;
  }
  const cluster = loadCluster(options.directories, options.serviceCidrs);
  for (const fault of cluster.faults) io.stderr(`${formatFault(fault)}\n`);
  io.stdout(formatCluster(cluster));
  return cluster.faults.length === 0 ? 0 : 1;
};

/** Every object as one YAML document, Namespaces first, so that kubectl can apply them in order. */
export const formatCluster = (cluster: CompleteCluster): string =>
  [
    ...cluster.namespaces,
    ...cluster.serviceCidrs,
    ...cluster.nodes,
    ...cluster.services,
    ...cluster.endpointSlices,
    ...cluster.pods,
  ]
    .map((object) => `---\n${dump(object, { lineWidth: -1 })}`)
    .join('');

interface ManifestsOptions {
  readonly directories: readonly string[];
  /** undefined where none are given. */
  readonly serviceCidrs: readonly string[] | undefined;
  readonly isHelp: boolean;
}

const readArguments = (args: string[]): ManifestsOptions | { readonly error: string } => {
  try {
    const { values, positionals } = parseArgs({
      args: longFlags(args),
      allowPositionals: true,
      options: { 'service-cidr': { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
    });
    const serviceCidrs = values['service-cidr'];
    const wrong = serviceCidrs?.find((cidr) => addressRange(cidr) === null);
    if (wrong !== undefined)
      return { error: `--service-cidr ${wrong} is not a range of addresses such as 10.96.0.0/12` };
    const isHelp = values.help === true;
    if (positionals.length === 0 && !isHelp) return { error: 'which directory? Give at least one DIR' };
    return { directories: positionals, serviceCidrs, isHelp };
  } catch (error) {
    return { error: (error as Error).message };
  }
};
