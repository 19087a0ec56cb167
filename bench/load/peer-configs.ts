// The configurations that the servers get. Everything listens on ports of its own, so that all run beside each other.
import { clusterNames } from './cluster-data.ts';

export interface ServerPlace {
  readonly port: number;
  readonly upstreamPort: number;
  /** Where its files are. */
  readonly folder: string;
  readonly services: number;
  readonly kubeconfig: string;
}

/**
 * kubeadm's, with three differences: the API server is one of a kubeconfig, the upstream is the bench's, and health has no lameduck, because nobody
 * wants to wait 5 s for every end.
 */
export const kubeadmCorefile = ({ port, upstreamPort, kubeconfig }: ServerPlace): string => `.:${port} {
    errors
    health :${port + 1}
    ready :${port + 2}
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus :${port + 3}
    forward . 127.0.0.1:${upstreamPort} {
        max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;

/** One thread, no DNSSEC, the cluster's names as local data, the rest forwarded and cached. */
export const unboundConfig = ({ port, upstreamPort, folder, services }: ServerPlace): string => `server:
  interface: 127.0.0.1@${port}
  port: ${port}
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-daemonize: no
  use-syslog: no
  verbosity: 0
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: ""
  num-threads: 1
  module-config: "iterator"
  outgoing-range: 4096
  num-queries-per-thread: 2048
  msg-cache-size: 64m
  rrset-cache-size: 128m
  local-zone: "cluster.local." static
  local-data: "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30"
${clusterNames(services)
  .flatMap(({ name, addresses }) => addresses.map((address) => `  local-data: "${name}. 30 IN A ${address}"`))
  .join('\n')}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstreamPort}
`;

export const knotConfig = ({ port, folder }: ServerPlace): string => `server:
  rundir: ${folder}
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: ${folder}
zone:
  - domain: cluster.local
    storage: ${folder}
    file: cluster.local.zone
    zonefile-sync: -1
    journal-content: none
`;

export const knotZone = ({ services }: ServerPlace): string => `$ORIGIN cluster.local.
$TTL 30
@ SOA ns.dns hostmaster 1 7200 1800 86400 30
@ NS ns.dns
ns.dns A 127.0.0.1
${clusterNames(services)
  .flatMap(({ name, addresses }) => addresses.map((address) => `${name}. A ${address}`))
  .join('\n')}
`;

export const dnsmasqConfig = ({ port, upstreamPort, folder }: ServerPlace): string => `port=${port}
listen-address=127.0.0.1
bind-interfaces
user=root
pid-file=
no-resolv
no-hosts
addn-hosts=${folder}/hosts
local=/cluster.local/
local-ttl=30
server=127.0.0.1#${upstreamPort}
cache-size=10000
dns-forward-max=2000
`;

export const hostsFile = ({ services }: ServerPlace): string =>
  clusterNames(services)
    .flatMap(({ name, addresses }) => addresses.map((address) => `${address} ${name}`))
    .join('\n')
    .concat('\n');
