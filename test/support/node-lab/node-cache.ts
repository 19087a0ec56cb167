import { mkdirSync, readFileSync } from 'node:fs';
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
  /** `shipped`: the template of this project. */
  readonly template?: 'shipped' | 'plain';
}

/** How long the main thread of ours is busy at a SIGUSR2. */
export const BUSY_MS = 6000;

const LOCAL_IP = [LOCAL_DNS[4], KUBE_DNS[4]];
const SHIPPED = join(import.meta.dirname, '../../../examples/node-cache/Corefile.base');

/** The template that is shipped, and one name more, which tells who has answered. */
const shippedTemplate = (answer: string): string =>
  readFileSync(SHIPPED, 'utf8').replace('    errors\n', `    errors\n${ownName(answer)}`);

const ownName = (answer: string): string => `    hosts {
        ${answer} ${WHO}
        fallthrough
    }
`;

const block = (zones: string, cache: string, forward: string, more: string): string => `${zones} {
    errors
    cache ${cache}
    reload
    loop
    bind __PILLAR__LOCAL__DNS__
    forward . ${forward}
    prometheus :9253
${more}}
`;
const BY_TCP = '__PILLAR__CLUSTER__DNS__ {\n        force_tcp\n    }';

/** That of the add-on, for who has no other options. */
const plainTemplate = (answer: string, health: string): string =>
  [
    block(
      'cluster.local:53',
      '{\n        success 9984 30\n        denial 9984 5\n    }',
      BY_TCP,
      `    health ${health}:8080\n${ownName(answer)}`,
    ),
    block('in-addr.arpa:53 ip6.arpa:53', '30', BY_TCP, ''),
    block('.:53', '30', '__PILLAR__UPSTREAM__SERVERS__', ''),
  ].join('');

let instances = 0;

/** `node-cache` in a lab's node, as its DaemonSet starts it. */
export class NodeCache {
  readonly process: ServerProcess;
  /** Nobody else gives this one for `WHO`. */
  readonly answer: string;
  readonly corefile: string;

  constructor(
    lab: NodeLab,
    { command, localIp = LOCAL_IP, args = [], env, template = 'shipped' }: NodeCacheOptions = {},
  ) {
    const number = ++instances;
    this.answer = `192.0.3.${number}`;
    const own = join(lab.directory, `cache-${number}`);
    mkdirSync(own);
    this.corefile = join(own, 'Corefile');
    const base = join(own, 'base');
    const [first = ''] = localIp;
    const isIpv6 = first.includes(':');
    writeConfigMap(base, {
      'Corefile.base':
        template === 'shipped'
          ? shippedTemplate(this.answer)
          : plainTemplate(this.answer, isIpv6 ? `[${first}]` : first),
    });
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
