import type { Block, Occurrence } from '#corefile/tree.ts';

/** What a directive, or an option of it, does otherwise here than in CoreDNS. */
export interface Difference {
  readonly directive: string;
  readonly option?: string;
  /** Left out: wherever it stands. */
  readonly applies?: (occurrence: Occurrence, block: Block) => boolean;
  readonly text: string;
  /** Where the documents have more of it. */
  readonly see: string;
}

const FORWARD_AND_CACHE = 'docs/differences.md#forward-and-cache';
const FAST_PATH = 'docs/architecture.md#the-fast-path';
const PROCESS = 'docs/differences.md#process';

const hasArgument = ({ args }: Occurrence, pattern: RegExp): boolean => args.some(({ text }) => pattern.test(text));
const hasOption = ({ body }: Occurrence, option: string): boolean =>
  (body ?? []).some(({ name }) => name.text === option);
const hasDirective = ({ directives }: Block, name: string): boolean =>
  directives.some((directive) => directive.name === name);

/** Those that an operator meets with an everyday Corefile; the seldom ones are in docs/differences.md. */
export const DIFFERENCES: readonly Difference[] = [
  {
    directive: 'cache',
    applies: (occurrence, block) => hasDirective(block, 'kubernetes') && !hasOption(occurrence, 'disable'),
    text: 'names of the cluster are dropped as soon as they change; CoreDNS answers them from its cache until their TTL is over',
    see: FAST_PATH,
  },
  {
    directive: 'cache',
    option: 'prefetch',
    text: 'a pause of DURATION between two hits does not make the count begin anew',
    see: FORWARD_AND_CACHE,
  },
  {
    directive: 'cache',
    option: 'serve_stale',
    applies: ({ body }) =>
      (body ?? []).some(({ name, args }) => name.text === 'serve_stale' && args.some(({ text }) => text === 'verify')),
    text: 'all who ask for an expired name wait for one query and get its reply; CoreDNS sends a query for each',
    see: FORWARD_AND_CACHE,
  },
  {
    directive: 'forward',
    applies: (occurrence) => !hasOption(occurrence, 'max_concurrent'),
    text: 'no max_concurrent: 8,000 queries of the process may wait for upstreams, the next ones get REFUSED; CoreDNS has no limit',
    see: FORWARD_AND_CACHE,
  },
  {
    directive: 'forward',
    option: 'force_tcp',
    text: 'queries share connections; one that is silent for 200 ms is left, and its queries are asked again on another',
    see: FORWARD_AND_CACHE,
  },
  {
    directive: 'forward',
    applies: (occurrence) => hasArgument(occurrence, /^tls:\/\//),
    text: 'a connection that does not come up is SERVFAIL after 5 s; in CoreDNS after 30 s at first',
    see: FORWARD_AND_CACHE,
  },
  {
    directive: 'log',
    text: 'every query of this server block takes the long way, those of classes that are not logged too: none is answered from the answer memory, which saves most of the CPU',
    see: FAST_PATH,
  },
  {
    directive: 'loadbalance',
    applies: (occurrence) => hasArgument(occurrence, /^weighted$/),
    text: 'every query takes the long way: none is answered from the answer memory',
    see: FAST_PATH,
  },
  {
    directive: 'loadbalance',
    option: 'prefer',
    text: 'every query takes the long way: none is answered from the answer memory',
    see: FAST_PATH,
  },
  {
    directive: 'multisocket',
    text: 'the number of listener threads of the whole process, for UDP; CoreDNS opens so many sockets for this address',
    see: PROCESS,
  },
  {
    directive: 'prometheus',
    text: 'coredns_* are the same; go_* are not there, as this is no Go program (nodejs_* are)',
    see: 'docs/metrics.md',
  },
];

/** What is not there without a plugin that is not built. */
export interface Lack {
  readonly text: string;
  /** Whether clients get other answers, or none, without it. */
  readonly changesAnswers: boolean;
  /** In place of the plugin's own. */
  readonly wayOut?: string;
}

const changes = (text: string): Lack => ({ text, changesAnswers: true });
const keeps = (text: string): Lack => ({ text, changesAnswers: false });
const LISTENER = 'clients that speak this protocol are not served';

/** Every plugin of CoreDNS that is not built. The ways out are in plugins/index.ts. */
export const LACKS: Readonly<Record<string, Lack>> = {
  root: keeps('paths count from the working directory'),
  metadata: keeps('labels {/...} in log lines are "-"'),
  geoip: keeps('there is no metadata of places'),
  cancel: keeps('queries have another limit of time'),
  proxyproto: changes('clients behind a load balancer that speaks the PROXY protocol get no reply'),
  quic: changes(LISTENER),
  grpc_server: changes(LISTENER),
  https: changes(LISTENER),
  https3: changes(LISTENER),
  timeouts: keeps('limits of TCP connections are fixed'),
  nsid: keeps('replies do not tell which server they are from'),
  trace: keeps('nothing is traced'),
  pprof: keeps('there are no Go profiles'),
  shed: keeps('queries above a limit are not dropped early'),
  dnstap: keeps('nothing is sent to a dnstap collector'),
  local: changes('localhost and its reverse names go on to the next plugin'),
  dns64: changes('IPv6-only clients get no AAAA for names that have only A'),
  any: changes('queries of type ANY are not cut short'),
  chaos: changes('version.bind, hostname.bind and the like (class CH) are REFUSED, or forwarded'),
  tsig: changes('signed requests are not checked, and replies not signed'),
  rewrite: changes('names are asked for as clients write them'),
  autopath: keeps(
    'the same answers, but clients walk their search path themselves: up to five queries where one was enough',
  ),
  acl: changes('everybody gets answers, those whom it would block or filter, too'),
  header: changes('flags of replies stay as they are'),
  dnssec: changes('replies are not signed: validating clients fail where the parent zone has a DS record'),
  tls: changes('there is no DNS over TLS'),
  minimal: keeps('replies keep their authority and additional sections'),
  template: changes('names that it makes up, or denies, go on to the next plugin'),
  transfer: changes('AXFR and IXFR are REFUSED: secondary servers get no zone'),
  route53: changes('its zones are not served'),
  azure: changes('its zones are not served'),
  clouddns: changes('its zones are not served'),
  k8s_external: changes('external addresses of Services have no names'),
  file: changes('its zones are not served'),
  auto: changes('its zones are not served'),
  secondary: changes('its zones are not served'),
  etcd: changes('names in etcd are not served'),
  grpc: changes('its zones are not forwarded'),
  erratic: keeps('it is for tests of clients'),
  on: keeps('its command is not run'),
  sign: keeps('zone files are not signed'),
  view: changes('server blocks for different clients can not be told apart'),
  nomad: changes('names of Nomad are not served'),
};

/** For a template that makes no records: AKS has two, to keep search paths of Azure from being asked for. */
const DENYING_TEMPLATE: Lack = {
  text: 'it only denies names; without it their zone is asked of the upstream, or whatever comes next',
  changesAnswers: true,
  wayOut: 'take the lines out where upstreams deny these names anyway; it costs them some queries',
};

/** What is lost with a directive of a plugin that is not built; null for any other. */
export const lackOf = (name: string, { body }: Occurrence): Lack | null => {
  const options = new Set((body ?? []).map((line) => line.name.text));
  const isDenying = name === 'template' && options.has('rcode') && !options.has('answer') && !options.has('additional');
  return isDenying ? DENYING_TEMPLATE : (LACKS[name] ?? null);
};

/** What CoreDNS 1.14 itself refuses, and old Corefiles have. */
export interface Gone {
  readonly directive: string;
  readonly option?: string;
  readonly wayOut: string;
}

export const GONE: readonly Gone[] = [
  { directive: 'proxy', wayOut: 'write forward: forward . /etc/resolv.conf' },
  { directive: 'federation', wayOut: 'remove it: Kubernetes has no federation of this kind any more' },
  { directive: 'reverse', wayOut: 'remove it, or use hosts' },
  { directive: 'startup', wayOut: 'remove it: run the command in an init container' },
  { directive: 'shutdown', wayOut: 'remove it: run the command in a preStop hook' },
  {
    directive: 'kubernetes',
    option: 'upstream',
    wayOut: 'remove the line: targets of ExternalName are always looked up',
  },
  {
    directive: 'kubernetes',
    option: 'resyncperiod',
    wayOut: 'remove the line: the cluster is watched, not listed anew',
  },
  { directive: 'kubernetes', option: 'transfer', wayOut: 'remove the line: zone transfers are not built here' },
  { directive: 'kubernetes', option: 'federation', wayOut: 'remove the line' },
  { directive: 'kubernetes', option: 'cidrs', wayOut: 'write the prefixes as zones of kubernetes' },
  { directive: 'forward', option: 'protocol', wayOut: 'write force_tcp, or tls:// in front of the upstream' },
];

/** Plugins of others, which the CoreDNS of Kubernetes has not, either. */
export const EXTERNAL: readonly string[] = [
  ...['ads', 'alias', 'alternate', 'amazondns', 'demo', 'dnsredir', 'docker', 'ens', 'example', 'fanout', 'filter'],
  ...['finalize', 'git', 'idetcd', 'k8s_crd', 'k8s_dns_chaos', 'k8s_event', 'k8s_gateway', 'kubenodes', 'lighthouse'],
  ...['mdns', 'mysql', 'netbox', 'pdsql', 'proxmox', 'ratelimit', 'records', 'recursor', 'redis', 'rrl', 'tailscale'],
  ...['unbound', 'warnlist', 'wgsd'],
];
