export type IpFamily = 'IPv4' | 'IPv6';

/** How the node knows traffic of its own pods (`--detect-local-mode`). */
export type LocalTraffic =
  | { readonly by: 'none' }
  | { readonly by: 'cidr'; readonly cidr: string }
  | { readonly by: 'interface'; readonly name: string }
  /** Without the wildcard at its end. */
  | { readonly by: 'interface-prefix'; readonly prefix: string };

/** All that rules of one family depend on besides Services: flags, the node, what the tools can do. Addresses and ranges are of this family. */
export interface RuleOptions {
  readonly family: IpFamily;
  readonly localTraffic: LocalTraffic;
  readonly masqueradeAll: boolean;
  /** One bit of the packet mark. */
  readonly masqueradeMark: number;
  /**
   * Node addresses that node ports answer on; `all` is every local one but loopback's. In the modes of iptables a list has 127.0.0.1 in it
   * where node ports answer there; the rules of nftables have a way of their own for it.
   */
  readonly nodePortAddresses: 'all' | readonly string[];
  /** Node ports answer on 127.0.0.1, too; IPv4 only. */
  readonly localhostNodePorts: boolean;
  /** No rule against packets that conntrack calls invalid. */
  readonly conntrackTcpBeLiberal: boolean;
  /** Ranges of ClusterIPs; what is in none of the Services is dropped (nftables). Empty where not known. */
  readonly serviceCidrs: readonly string[];
  /** `masquerade` may pick random ports (iptables 1.6.2 and later, every nft). */
  readonly hasRandomFully: boolean;
  /** The kernel has the iptables match `nfacct`. */
  readonly hasNfacct: boolean;
  /** What only the IPVS mode asks for; its defaults where absent. */
  readonly ipvs?: IpvsOptions;
}

/** `--ipvs-*` and `ipvs` of KubeProxyConfiguration. */
export interface IpvsOptions {
  /** `rr` where absent. */
  readonly scheduler?: string;
  /** Virtual servers with an address in one of these belong to somebody else: never removed. */
  readonly excludeCidrs?: readonly string[];
  /** Other machines are not answered by ARP for addresses of kube-ipvs0. */
  readonly strictArp?: boolean;
  /** Seconds; 0 leaves the kernel's as they are. */
  readonly tcpTimeout?: number;
  readonly tcpFinTimeout?: number;
  readonly udpTimeout?: number;
  /**
   * Addresses of this node but kube-ipvs0's and loopback's. `nodePortAddresses` `all` needs them, as a virtual server has an address; and an
   * externalIP among them is not put on kube-ipvs0.
   */
  readonly nodeAddresses?: readonly string[];
}

/** kube-proxy's defaults, where nothing else is known. */
export const DEFAULT_MASQUERADE_MARK = 0x4000;
