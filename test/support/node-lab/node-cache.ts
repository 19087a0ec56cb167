import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PROGRAM, ServerProcess } from '#test/process.ts';
import { KUBE_DNS, KUBE_DNS_UPSTREAM, LOCAL_DNS, WHO } from './cluster.ts';
import { writeConfigMap } from './config-map.ts';
import type { NodeLab } from './node-lab.ts';

export interface NodeCacheOptions {
  /** Program and first arguments, in place of ours. */
  readonly command?: readonly string[];
  readonly localIp?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Options of the cluster zone's `cache`. */
  readonly cache?: readonly string[];
}

/** How long the main thread of ours is busy at a SIGUSR2. */
export const BUSY_MS = 6000;

const LOCAL_IP = [LOCAL_DNS[4], KUBE_DNS[4]];
const CACHE = ['success 9984 30', 'denial 9984 1', 'serve_stale 1h verify 1800ms'];

/** The template of the cluster's add-on, and one name that tells who has answered. */
const templateOf = (answer: string, cache: readonly string[], health: string): string => `cluster.local:53 {
    errors
    hosts {
        ${answer} ${WHO}
        fallthrough
    }
    cache {
        ${cache.join('\n        ')}
    }
    reload
    loop
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
    prometheus :9253
    health ${health}:8080
}
in-addr.arpa:53 ip6.arpa:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__CLUSTER__DNS__ {
        force_tcp
    }
    prometheus :9253
}
.:53 {
    errors
    cache 30
    reload
    loop
    bind __PILLAR__LOCAL__DNS__
    forward . __PILLAR__UPSTREAM__SERVERS__
    prometheus :9253
}
`;

let instances = 0;

/** `node-cache` in a lab's node, as its DaemonSet starts it. */
export class NodeCache {
  readonly process: ServerProcess;
  /** Nobody else gives this one for `WHO`. */
  readonly answer: string;
  readonly corefile: string;

  constructor(lab: NodeLab, { command, localIp = LOCAL_IP, args = [], env, cache = CACHE }: NodeCacheOptions = {}) {
    const number = ++instances;
    this.answer = `192.0.3.${number}`;
    const own = join(lab.directory, `cache-${number}`);
    mkdirSync(own);
    this.corefile = join(own, 'Corefile');
    const base = join(own, 'base');
    const [first = ''] = localIp;
    const isIpv6 = first.includes(':');
    writeConfigMap(base, { 'Corefile.base': templateOf(this.answer, cache, isIpv6 ? `[${first}]` : first) });
    this.process = new ServerProcess(
      [
        ...['-localip', localIp.join(',')],
        ...['-basecorefile', join(base, 'Corefile.base')],
        ...['-conf', this.corefile],
        ...['-kubednscm', lab.kubeDnsDirectory],
        ...['-pidfile', join(own, 'pid')],
        ...['-upstreamsvc', 'kube-dns-upstream'],
        ...args,
      ],
      {
        netns: lab.nodeNamespace,
        command: command ?? [process.execPath, PROGRAM, 'node-cache'],
        env: {
          KUBE_DNS_UPSTREAM_SERVICE_HOST: KUBE_DNS_UPSTREAM[isIpv6 ? 6 : 4],
          NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'busy.mjs'))}`,
          CLUSTER_DNS_BUSY_MS: `${BUSY_MS}`,
          ...env,
        },
      },
    );
  }
}

/** Whether a node's cache gave this answer for `WHO`. */
export const isOfCache = (outcome: string): boolean => outcome.startsWith('192.0.3.');
