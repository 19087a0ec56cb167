/** Corefile templates as users of NodeLocal DNSCache have them: what each way of installing it writes, and what people add by hand. */

/** A template, and what becomes of it. */
export interface CorefileSample {
  readonly title: string;
  readonly template: string;
  /** Of `-localip`. */
  readonly addresses: readonly string[];
  /** What the environment says of the upstream Service; null: nothing. */
  readonly clusterDns: string | null;
  /** Other variables of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Files beside the Corefile that it imports, by their paths from there. */
  readonly imported?: Readonly<Record<string, string>>;
  /** Left out: it starts. Else what is said of each line that it is refused for, in their order. */
  readonly refused?: readonly RegExp[];
}

export const LINK_LOCAL = '169.254.20.10';
export const CLUSTER_IP = '10.96.0.10';
/** Also for those who forward to it by hand. */
export const UPSTREAM_IP = '10.96.0.11';
const BOTH = [LINK_LOCAL, CLUSTER_IP];

/** Directives of a block, in the order in which most write them; more before and after. */
interface Block {
  readonly zone: string;
  readonly cache?: string;
  readonly bind?: string;
  readonly forward: string;
  readonly metrics?: string;
  readonly more?: readonly string[];
}

const SIZES = '{\n        success 9984 30\n        denial 9984 5\n    }';
const byTcp = (servers: string): string => `${servers} {\n        force_tcp\n    }`;
const byUdp = (servers: string): string => `${servers} {\n        prefer_udp\n    }`;

const block = ({ zone, cache = '30', bind = BOTH.join(' '), forward, metrics = ':9253', more = [] }: Block): string =>
  [
    `${zone} {`,
    '    errors',
    `    cache ${cache}`,
    '    reload',
    '    loop',
    `    bind ${bind}`,
    `    forward . ${forward}`,
    `    prometheus ${metrics}`,
    ...more.map((line) => `    ${line}`),
    '}',
    '',
  ].join('\n');

/** The four blocks that nearly all of them have; `more` is in the first, `rest` is the last one's. */
const four = (
  common: Omit<Block, 'zone'>,
  more: readonly string[],
  rest: Partial<Block> & Pick<Block, 'forward'>,
  domain = 'cluster.local',
): string =>
  [
    block({ ...common, zone: `${domain}:53`, cache: SIZES, more }),
    block({ ...common, zone: 'in-addr.arpa:53' }),
    block({ ...common, zone: 'ip6.arpa:53' }),
    block({ ...common, zone: '.:53', ...rest }),
  ].join('');

const UPSTREAM = '__PILLAR__UPSTREAM__SERVERS__';
const CLUSTER = '__PILLAR__CLUSTER__DNS__';
const LOCAL = '__PILLAR__LOCAL__DNS__';
const common = { addresses: BOTH, clusterDns: UPSTREAM_IP };
const kubespray = { addresses: ['169.254.25.10'], clusterDns: null };

/** A stock template with a line more in its last block. */
const withLine = (...lines: readonly string[]): string =>
  four({ forward: byTcp(CLUSTER) }, [`health ${LINK_LOCAL}:8080`], { forward: UPSTREAM, more: lines });

export const COREFILE_SAMPLES: readonly CorefileSample[] = [
  {
    ...common,
    title: "the add-on's manifest, filled in for kube-proxy's iptables mode",
    template: four({ forward: byTcp(CLUSTER) }, [`health ${LINK_LOCAL}:8080`], { forward: UPSTREAM }),
  },
  {
    ...common,
    title: "the add-on's manifest, its addresses left to node-cache",
    template: four({ forward: byTcp(CLUSTER), bind: `${LOCAL} __PILLAR__DNS__SERVER__` }, [`health ${LOCAL}:8080`], {
      forward: UPSTREAM,
    }),
  },
  {
    ...common,
    title: "the add-on's manifest, filled in for kube-proxy's IPVS mode",
    addresses: [LINK_LOCAL],
    template: four({ forward: byTcp(UPSTREAM_IP), bind: `${LINK_LOCAL} ` }, [`health ${LINK_LOCAL}:8080`], {
      forward: UPSTREAM,
    }),
  },
  {
    ...common,
    title: "an older manifest of the add-on, with TCP to the node's name servers",
    template: four({ forward: byTcp(CLUSTER) }, [`health ${LINK_LOCAL}:8080`], { forward: byTcp(UPSTREAM) }),
  },
  {
    ...common,
    title: 'the first manifest of the add-on, without variables of node-cache',
    addresses: [LINK_LOCAL],
    clusterDns: null,
    template: four({ forward: byTcp(CLUSTER_IP), bind: LINK_LOCAL }, [`health ${LINK_LOCAL}:8080`], {
      forward: byTcp('/etc/resolv.conf'),
    }),
  },
  {
    ...common,
    title: 'an IPv6 cluster, with brackets in the line of health',
    addresses: ['fd00:169:254::10', 'fd00:10:96::a'],
    clusterDns: 'fd00:10:96::b',
    template: four({ forward: byTcp(CLUSTER), bind: LOCAL }, [`health [${LOCAL}]:8080`], { forward: UPSTREAM }),
  },
  {
    ...common,
    title: 'two families in one process',
    addresses: [...BOTH, 'fd00:169:254::10', 'fd00:10:96::a'],
    template: four({ forward: byTcp(CLUSTER), bind: LOCAL }, [`health ${LOCAL}:8080`], { forward: UPSTREAM }),
  },
  {
    ...common,
    title: 'Cilium with a local redirect policy, listening on all addresses',
    template: four({ forward: byTcp(CLUSTER), bind: '0.0.0.0' }, ['health'], { forward: UPSTREAM }),
  },
  {
    ...common,
    title: 'a provider whose security groups want UDP',
    template: four({ forward: byUdp(CLUSTER) }, [`health ${LINK_LOCAL}:8080`], { forward: byUdp(UPSTREAM) }),
  },
  {
    ...kubespray,
    title: 'kubespray',
    template: four({ forward: byTcp('10.233.0.3'), bind: '169.254.25.10' }, ['health 169.254.25.10:9254'], {
      forward: '/etc/resolv.conf',
    }),
  },
  {
    ...kubespray,
    title: 'kubespray with external zones, hosts, options of forward and metrics on an address from the environment',
    environment: { MY_HOST_IP: '127.0.0.1' },
    imported: { 'coredns/hosts': '192.0.2.7 registry.example\n' },
    template: [
      block({
        zone: 'example.com example.io:1053',
        cache: '5',
        bind: '169.254.25.10',
        forward: '192.0.2.53 192.0.2.54',
        metrics: '{$MY_HOST_IP}:9253',
        more: ['log', 'hosts coredns/hosts {', '  fallthrough', '}'],
      }),
      four(
        { forward: byTcp('10.233.0.3'), bind: '169.254.25.10', metrics: '{$MY_HOST_IP}:9253' },
        ['health 169.254.25.10:9254', 'hosts coredns/hosts {', '  fallthrough', '}'],
        { forward: '192.0.2.53 192.0.2.54 {\n        policy sequential\n        max_concurrent 1000\n    }' },
      ),
    ].join(''),
  },
  {
    ...kubespray,
    title: 'kubespray with an external zone that is rewritten',
    template: block({
      zone: 'mydomain.tld',
      cache: '5',
      bind: '169.254.25.10',
      forward: '10.233.0.3',
      more: ['rewrite name website.tld website.namespace.svc.cluster.local', 'log'],
    }),
    refused: [/'rewrite' is known but not built/],
  },
  {
    ...common,
    title: 'kops',
    addresses: [LINK_LOCAL],
    template: four({ forward: byTcp(UPSTREAM_IP), bind: LINK_LOCAL }, [`health ${LINK_LOCAL}:3989`], {
      forward: UPSTREAM,
    }),
  },
  {
    ...common,
    title: 'kops, with everything to the cluster',
    addresses: [LINK_LOCAL],
    template:
      block({
        zone: 'cluster.local:53',
        cache: SIZES,
        bind: LINK_LOCAL,
        forward: byTcp(UPSTREAM_IP),
        more: [`health ${LINK_LOCAL}:3989`],
      }) + block({ zone: '.:53', bind: LINK_LOCAL, forward: byTcp(UPSTREAM_IP) }),
  },
  {
    ...common,
    title: 'kops with IPv6 alone, which asks for dns64',
    addresses: ['fd00:169:254::10'],
    clusterDns: 'fd00:10:96::b',
    template: four({ forward: byTcp('fd00:10:96::b'), bind: 'fd00:169:254::10' }, ['health [fd00:169:254::10]:3989'], {
      forward: UPSTREAM,
      more: ['dns64'],
    }),
    refused: [/'dns64' is known but not built/],
  },
  {
    ...common,
    title: 'Gardener, with parts of its own from another ConfigMap',
    imported: {
      'custom/log.override': 'log\n',
      'generated-config/custom-server-block.server': block({ zone: 'custom.example:53', forward: '192.0.2.53' }),
    },
    template: `${four({ forward: byTcp(UPSTREAM_IP) }, [`health ${LINK_LOCAL}:8099`, 'import custom/*.override'], {
      forward: byTcp(UPSTREAM),
      more: ['import custom/*.override'],
    })}import generated-config/custom-server-block.server\n`,
  },
  {
    ...common,
    title: 'stub domains and longer caches, by hand',
    template:
      block({
        zone: 'corp.example:53',
        cache: '300',
        forward: '192.0.2.53 192.0.2.54 {\n        health_check 5s\n    }',
      }) +
      four(
        { forward: byTcp(CLUSTER) },
        [`health ${LINK_LOCAL}:8080 {`, '  lameduck 5s', '}', 'log . combined {', '  class denial error', '}'],
        { forward: `${UPSTREAM} {\n        max_fails 3\n        expire 20s\n        except corp.example\n    }` },
      ),
  },
  {
    ...common,
    title: 'serving stale answers, prefetching and a size of EDNS, by hand',
    template: four(
      { forward: byTcp(CLUSTER) },
      [`health ${LINK_LOCAL}:8080`, 'bufsize 1232', 'loadbalance', 'debug', 'whoami'],
      {
        forward: UPSTREAM,
        cache:
          '{\n        success 39936 30 5\n        denial 9984 5 5\n        prefetch 10 1m 25%\n        serve_stale 1h immediate\n    }',
      },
    ),
  },
  {
    ...common,
    title: 'AAAA switched off by a template',
    template: withLine('template IN AAAA . {', '  rcode NOERROR', '}'),
    refused: [/'template' is known but not built/],
  },
  {
    ...common,
    title: 'all plugins of node-cache that are not here',
    template: withLine(
      'dns64',
      'template IN A x.example',
      'rewrite name a b',
      'timeouts {',
      '  read 5s',
      '}',
      'trace',
      'pprof',
    ),
    refused: ['dns64', 'template', 'rewrite', 'timeouts', 'trace', 'pprof'].map(
      (name) => new RegExp(`'${name}' is known but not built`),
    ),
  },
  {
    ...common,
    title: 'a plugin of somebody else, from an image of their own',
    template: withLine('dynamicforward {', '  namespace kube-system', '}'),
    refused: [/Unknown directive 'dynamicforward'/],
  },
  {
    ...common,
    title: 'a server block for DNS over HTTPS',
    template: block({ zone: 'https://mycompany.local:4453', cache: '5', forward: '192.0.2.53' }),
    refused: [/https:\/\//],
  },
  {
    ...common,
    title: "the add-on's manifest that nobody has filled in",
    template: four({ forward: byTcp(CLUSTER) }, [], { forward: UPSTREAM }, '__PILLAR__DNS__DOMAIN__'),
    refused: [/__PILLAR__DNS__DOMAIN__ is for the installer to fill in/],
  },
  {
    ...common,
    title: 'the upstream Service made after the Pod',
    clusterDns: null,
    template: four({ forward: byTcp(CLUSTER) }, [], { forward: UPSTREAM }),
    refused: [1, 2, 3].map(() => /KUBE_DNS_UPSTREAM_SERVICE_HOST is not in the environment/),
  },
];
