import { type Flag, flagsText } from './go-flags.ts';

/** node-cache's flags with its defaults, CoreDNS's as far as they are for this command, and at the end those of our own. */
export const NODE_CACHE_FLAGS = [
  {
    name: 'localip',
    value: 'IP[,IP...]',
    standard: '',
    help: 'addresses that the cache answers on, IPv4 and IPv6 at once; required',
  },
  { name: 'setupinterface', standard: 'true', help: 'make the link and put the addresses on it' },
  { name: 'interfacename', value: 'NAME', standard: 'nodelocaldns', help: 'name of the link' },
  {
    name: 'syncinterval',
    value: 'TIME',
    standard: '60',
    help: 'pause between two looks at link and rules: seconds, or 90s, 2m; 60ns means 60 s, as in node-cache',
  },
  {
    name: 'metrics-listen-address',
    value: 'HOST:PORT',
    standard: '0.0.0.0:9353',
    help: 'address of the metrics of the set-up',
  },
  {
    name: 'setupiptables',
    standard: 'true',
    help: 'keep queries out of conntrack; =false is -rules none',
  },
  {
    name: 'basecorefile',
    value: 'FILE',
    standard: '/etc/coredns/Corefile.base',
    help: 'template of the Corefile',
  },
  {
    name: 'conf',
    value: 'FILE',
    standard: '',
    help: 'Corefile that is written from the template and served',
  },
  {
    name: 'corefile',
    value: 'FILE',
    standard: '/etc/Corefile',
    help: 'stands for -conf where that is not given',
  },
  {
    name: 'kubednscm',
    value: 'DIR',
    standard: '/etc/kube-dns',
    help: 'where the kube-dns ConfigMap is mounted; need not be there',
  },
  {
    name: 'upstreamsvc',
    value: 'NAME',
    standard: 'kube-dns',
    help: "Service whose cluster IP, from the environment, is the cluster's DNS",
  },
  {
    name: 'health-port',
    value: 'PORT',
    standard: '8080',
    help: 'port of the health plugin, for the rules',
  },
  {
    name: 'skipteardown',
    standard: 'false',
    help: 'leave rules and link in place at a stop',
  },
  {
    name: 'reloadwithsignal',
    standard: 'false',
    help: 'no effect: a change of the template or the ConfigMap is taken over at once',
  },
  { name: 'pidfile', value: 'FILE', standard: '', help: 'write the process id to this file' },
  {
    name: 'dns.port',
    short: 'p',
    value: 'PORT',
    standard: '53',
    help: 'port of server blocks that name none, and in the rules',
  },
  {
    name: 'rules',
    value: 'TOOL',
    standard: 'nftables',
    help: 'how queries are kept out of conntrack: nftables, iptables or none',
  },
  {
    name: 'fallback',
    value: 'IP[,IP]',
    standard: '',
    help:
      'where queries to a link-local address go while no cache answers, one for each family ' +
      '(default the cluster IP of -upstreamsvc, else that of -localip which is one)',
  },
  {
    name: 'fallback-mark-bit',
    value: 'BIT',
    standard: '0x2000',
    help: 'bit of the mark for nftables rules without conntrack zones: its number (13) or its mask (0x2000)',
  },
  { name: 'log-format', value: 'FORMAT', standard: 'text', help: 'text or json' },
  {
    name: 'udp-listener',
    value: 'HOW',
    standard: 'auto',
    help: 'batch (listener threads), dgram (without), or auto: batch where it works',
  },
  { name: 'quiet', standard: 'false', help: 'no start banner' },
  { name: 'plugins', standard: 'false', help: 'list the plugins' },
  { name: 'version', standard: 'false', help: 'print the version' },
  { name: 'help', short: 'h', standard: 'false', help: 'print this text' },
] as const satisfies readonly Flag[];

export type NodeCacheFlag = (typeof NODE_CACHE_FLAGS)[number]['name'];

/** Every flag, in two columns. */
export const nodeCacheUsage = `Usage: cluster-dns node-cache -localip IP[,IP...] [flags]
       cluster-dns node-cache cleanup       take out all that a node cache has left on this node

${flagsText(NODE_CACHE_FLAGS)}`;
