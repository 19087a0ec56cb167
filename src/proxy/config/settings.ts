import type { ProxyMode } from '../rule-backend.ts';

export type DetectLocalMode = 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix';

/** All that can be configured, checked, in the form in which it is used. */
export interface ProxySettings {
  readonly mode: ProxyMode;
  /** Nobody said which mode. */
  readonly isDefaultMode: boolean;
  /** '' where the machine's own name is the node's. */
  readonly hostnameOverride: string;
  /** '' where it is left to the Node object. */
  readonly nodeAddress: string;
  /** `HOST:PORT`, with an empty host for all addresses; '' for no server. */
  readonly healthzAddress: string;
  readonly metricsAddress: string;
  /** A port that is taken ends the program. */
  readonly isBindHardFail: boolean;
  /** '' for the service account of the Pod. */
  readonly kubeconfig: string;
  readonly detectLocal: {
    readonly mode: DetectLocalMode;
    readonly bridgeInterface: string;
    readonly interfaceNamePrefix: string;
    /** At most one a family. */
    readonly clusterCidrs: readonly string[];
  };
  /** Ranges, or `['primary']`; none where the mode's default counts. */
  readonly nodePortAddresses: readonly string[];
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly localhostNodePorts: boolean;
  readonly syncPeriodMs: number;
  readonly minSyncPeriodMs: number;
  readonly ipvs: {
    readonly scheduler: string;
    readonly excludeCidrs: readonly string[];
    readonly strictArp: boolean;
    readonly tcpTimeoutMs: number;
    readonly tcpFinTimeoutMs: number;
    readonly udpTimeoutMs: number;
  };
  readonly conntrack: ConntrackSettings;
  readonly oomScoreAdj: number;
  /** klog's: debug lines from 4 on. */
  readonly verbosity: number;
  readonly logFormat: 'text' | 'json';
}

/** 0 leaves what the kernel has. */
export interface ConntrackSettings {
  readonly maxPerCore: number;
  readonly min: number;
  readonly tcpBeLiberal: boolean;
  readonly tcpEstablishedTimeoutMs: number;
  readonly tcpCloseWaitTimeoutMs: number;
  readonly udpTimeoutMs: number;
  readonly udpStreamTimeoutMs: number;
}
