import type { PluginDefinition, UnbuiltPlugin } from '#plugin/index.ts';
import bind from './bind/index.ts';
import bufsize from './bufsize/index.ts';
import cache from './cache/index.ts';
import debug from './debug/index.ts';
import errors from './errors/index.ts';
import forward from './forward/index.ts';
import health from './health/index.ts';
import hosts from './hosts/index.ts';
import kubernetes from './kubernetes/index.ts';
import loadbalance from './loadbalance/index.ts';
import log from './log/index.ts';
import loop from './loop/index.ts';
import multisocket from './multisocket/index.ts';
import prometheus from './prometheus/index.ts';
import ready from './ready/index.ts';
import reload from './reload/index.ts';
import serviceWatch from './service_watch/index.ts';
import sourceLimit from './source_limit/index.ts';
import whoami from './whoami/index.ts';

/** A directive of CoreDNS's that this server does not have, and the way out. */
const unbuilt = (name: string, wayOut: string): UnbuiltPlugin => ({ name, unbuilt: wayOut });

const REMOVE = 'remove the line, or leave the server blocks that need it to CoreDNS';
const CLOUD = 'put the zone behind CoreDNS or its own name server and forward to it';
const ONLY_DNS = 'serve dns:// here and put a proxy that speaks this protocol in front';

/**
 * All directives in the order in which plugins are set up and stand in the chain, whatever the order in the Corefile. It is
 * CoreDNS's order (plugin.cfg), because what a reply looks like depends on it.
 */
export const PLUGINS: readonly (PluginDefinition | UnbuiltPlugin)[] = [
  unbuilt('root', 'give files by their whole path'),
  unbuilt('metadata', REMOVE),
  unbuilt('geoip', REMOVE),
  unbuilt('cancel', 'remove the line: forward bounds each query to 5 s by itself'),
  unbuilt('proxyproto', ONLY_DNS),
  unbuilt('quic', ONLY_DNS),
  unbuilt('grpc_server', ONLY_DNS),
  unbuilt('https', ONLY_DNS),
  unbuilt('https3', ONLY_DNS),
  unbuilt('timeouts', 'remove the line: TCP has a read limit of 3 s and an idle limit of 10 s'),
  multisocket,
  reload,
  unbuilt('nsid', REMOVE),
  bufsize,
  // Of our own; CoreDNS has none of this name.
  sourceLimit,
  bind,
  debug,
  unbuilt('trace', REMOVE),
  ready,
  health,
  unbuilt('pprof', 'remove the line: start node with --cpu-prof or --inspect instead'),
  unbuilt('shed', REMOVE),
  prometheus,
  errors,
  log,
  unbuilt('dnstap', 'use the log plugin, or capture packets'),
  unbuilt('local', 'use hosts with inline lines for localhost'),
  unbuilt('dns64', REMOVE),
  unbuilt('any', 'remove the line: ANY gives NODATA for cluster names'),
  unbuilt('chaos', REMOVE),
  loadbalance,
  unbuilt('tsig', REMOVE),
  unbuilt('rewrite', 'use an ExternalName Service or the hosts plugin for single names'),
  unbuilt('autopath', 'remove the line: clients then walk their search path themselves'),
  unbuilt('acl', 'use a NetworkPolicy'),
  cache,
  unbuilt('header', REMOVE),
  unbuilt('dnssec', REMOVE),
  unbuilt('tls', ONLY_DNS),
  unbuilt('minimal', REMOVE),
  unbuilt('template', 'use hosts for single names'),
  unbuilt('transfer', REMOVE),
  hosts,
  unbuilt('route53', CLOUD),
  unbuilt('azure', CLOUD),
  unbuilt('clouddns', CLOUD),
  unbuilt('k8s_external', REMOVE),
  kubernetes,
  unbuilt('file', 'use hosts for address records, or forward the zone to a name server that has it'),
  unbuilt('auto', 'forward the zones to a name server that has them'),
  unbuilt('secondary', 'forward the zones to their name server'),
  unbuilt('etcd', 'forward the zone to CoreDNS'),
  // Of our own, too: below `cache`, above what asks others.
  serviceWatch,
  loop,
  forward,
  unbuilt('grpc', 'use forward with tls://'),
  unbuilt('erratic', REMOVE),
  whoami,
  unbuilt('on', REMOVE),
  unbuilt('sign', REMOVE),
  unbuilt('view', REMOVE),
  unbuilt('nomad', 'forward the zone to Nomad or Consul'),
];
