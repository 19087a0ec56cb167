import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { IpFamily } from '#proxy/rule-options.ts';

/** A case as it stands in a file: objects in the API's form, and what becomes of packets. The form of `../shared/golden/kube-proxy`. */
export interface RawCase {
  readonly name: string;
  readonly modes: readonly ProxyMode[];
  readonly config: RawConfig;
  readonly services: readonly unknown[];
  readonly endpointSlices: readonly unknown[];
  /** The node of `config.nodeName`. */
  readonly node?: unknown;
  /** Other nodes. */
  readonly nodes?: readonly unknown[];
  readonly flows: readonly RawFlow[];
  /** Name of the case that this one is a change of; objects that are not here are deleted then. */
  readonly follows?: string;
  readonly notes?: readonly string[];
  /** Input of iptables-restore as kube-proxy writes it. */
  readonly expected?: string;
  /** `table/chain`: its rules in order, '' for none. */
  readonly expectedChains?: Readonly<Record<string, string>>;
  /** Whether there is a rule for a load balancer's address. */
  readonly expectLBRule?: {
    readonly ip: string;
    readonly port: number;
    readonly proto: string;
    readonly present: boolean;
  };
}

export interface RawConfig {
  readonly ipFamily: IpFamily;
  readonly clusterCIDR: string;
  readonly detectLocalMode: string;
  readonly serviceCIDRs: readonly string[];
  readonly masqueradeAll: boolean;
  readonly masqueradeMark: string;
  /** null for the mode's default. */
  readonly nodePortAddresses: readonly string[] | null;
  readonly localhostNodePorts: boolean;
  readonly nodeName: string;
  readonly nodeIP: string;
  /** All addresses of the node, loopback's left out. */
  readonly nodeIPs: readonly string[];
  /** Interface, or its prefix, for the detect-local modes that ask for one. */
  readonly podInterface?: string;
  readonly conntrackTCPBeLiberal?: boolean;
  readonly nfacctCounters?: readonly string[];
  readonly iptablesHasRandomFully?: boolean;
}

/** One of: `endpoints`, `rejected`, `dropped`, `accepted`, `passthrough`. */
export interface RawFlow {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly proto: string;
  readonly dport: number;
  readonly inInterface?: string;
  /** `address:port` of all that may get the packet. */
  readonly endpoints: readonly string[];
  readonly masq: boolean;
  readonly rejected: boolean;
  readonly dropped: boolean;
  readonly accepted: boolean;
  readonly passthrough: boolean;
}
