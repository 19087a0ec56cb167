import { spawnSync } from 'node:child_process';
import { CLUSTER_IP, LINK_LOCAL, UPSTREAM_IP } from './lab.ts';

/** A program that is measured. */
export interface Program {
  readonly name: string;
  /** It is given a template and flags of node-cache; else a Corefile, and it has neither a link nor rules. */
  readonly isNodeCache: boolean;
  /** Whether it makes its link, with the addresses, itself. */
  readonly makesLink: boolean;
  /** With everything in this folder. */
  command(folder: string): readonly string[];
}

/** The name of the upstream Service's address in the environment. */
export const ENVIRONMENT = { KUBE_DNS_UPSTREAM_SERVICE_HOST: UPSTREAM_IP } as const;

const block = (zone: string, cache: string, forward: string, more = ''): string => `${zone}:53 {
    errors
    cache ${cache}
    reload
    loop
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . ${forward}
    prometheus :9253
${more}}
`;
const BY_TCP = '__PILLAR__CLUSTER__DNS__ {\n        force_tcp\n    }';

/**
 * The four blocks of the add-on's ConfigMap; what it asks of the node's name servers goes to the cluster's DNS here. Replies are kept for an hour in place of
 * 30 s: names that expire while cached queries are measured would be others.
 */
export const TEMPLATE = [
  block(
    'cluster.local',
    '{\n        success 9984 3600\n        denial 9984 5\n    }',
    BY_TCP,
    `    health ${LINK_LOCAL}:8080\n`,
  ),
  ...['in-addr.arpa', 'ip6.arpa'].map((zone) => block(zone, '30', BY_TCP)),
  block('.', '30', UPSTREAM_IP),
].join('');

/** The same as a Corefile. */
export const COREFILE = TEMPLATE.replaceAll(
  '__PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__',
  `${LINK_LOCAL} ${CLUSTER_IP}`,
).replaceAll('__PILLAR__CLUSTER__DNS__', UPSTREAM_IP);

const nodeCacheFlags = (folder: string, makesLink: boolean): readonly string[] => [
  ...[
    '-localip',
    `${LINK_LOCAL},${CLUSTER_IP}`,
    '-conf',
    `${folder}/Corefile`,
    '-basecorefile',
    `${folder}/Corefile.base`,
  ],
  ...['-upstreamsvc', 'kube-dns-upstream', '-pidfile', `${folder}/node-cache.pid`],
  ...(makesLink ? [] : ['-setupinterface=false']),
];

/** Ours, as `node-cache` where the build has it, else as the plain server. */
export const ours = (script: string, nodeFlags: readonly string[], asked: string): Program => {
  const { stdout } = spawnSync(process.execPath, [script, 'help'], { encoding: 'utf8' });
  const isNodeCache = asked === 'node-cache' || (asked === 'auto' && /^ +cluster-dns node-cache /m.test(stdout));
  const node = [process.execPath, ...nodeFlags, script];
  return {
    name: isNodeCache ? 'cluster-dns node-cache' : 'cluster-dns, without link and rules',
    isNodeCache,
    makesLink: isNodeCache,
    command: (folder) =>
      isNodeCache ? [...node, 'node-cache', ...nodeCacheFlags(folder, true)] : [...node, '-conf', `${folder}/Corefile`],
  };
};

/** The one beside it, which takes the flags of node-cache. It knows no link but `dummy`. */
export const other = (path: string, hasDummy: boolean): Program => ({
  name: path,
  isNodeCache: true,
  makesLink: hasDummy,
  command: (folder) => [path, ...nodeCacheFlags(folder, hasDummy)],
});
