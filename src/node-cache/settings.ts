/** An address that this node's cache answers on. */
export interface LocalAddress {
  /** As `node:net` writes it. */
  readonly address: string;
  readonly family: 4 | 6;
}

/** How queries are kept out of conntrack. `none`: they are not. */
export type RulesKind = 'nftables' | 'iptables' | 'none';

/** What the flags of `node-cache` say, checked. */
export interface NodeCacheSettings {
  /** In the order of `-localip`, each once. */
  readonly addresses: readonly LocalAddress[];
  readonly dnsPort: number;
  /** Port of the health plugin, for the rules alone. */
  readonly healthPort: number;
  /** '' where no link is to be made (`-setupinterface=false`). */
  readonly interfaceName: string;
  readonly rules: RulesKind;
  /** Where queries to a link-local address go while no cache answers: a cluster IP, by address family; null where there is none. */
  readonly fallback: Readonly<Record<4 | 6, string | null>>;
  /** One bit of the packet mark, which packets have between two chains of one hook only. */
  readonly markBit: number;
  /** Time between two looks at link and rules that nobody asked for. */
  readonly syncMs: number;
  readonly skipTeardown: boolean;
  /** HOST:PORT of the metrics of the set-up. */
  readonly metricsAddress: string;
  /** The template, and the file that is written from it and served. */
  readonly baseCorefile: string;
  readonly corefile: string;
  /** Directory of the kube-dns ConfigMap, '' where there is none. */
  readonly kubeDnsDirectory: string;
  /** Cluster IP of the upstream Service, null where the environment has none. */
  readonly clusterDns: string | null;
  readonly upstreamService: string;
  readonly pidfile: string;
  readonly logFormat: 'text' | 'json';
  readonly udpListener: 'auto' | 'batch' | 'dgram';
  readonly quiet: boolean;
}
