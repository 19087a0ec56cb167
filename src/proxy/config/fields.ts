/** How a value is written: in a flag as text, in a file as YAML. Durations are in ms. */
export type FieldType = 'text' | 'boolean' | 'integer' | 'number' | 'duration' | 'texts' | 'gates' | 'anything';
export type FieldValue = string | number | boolean | readonly string[] | Readonly<Record<string, boolean>>;

/** One setting of kube-proxy: where it is in a KubeProxyConfiguration, and the flag for it. */
export interface Field {
  /** Names from the file's top, with dots. */
  readonly path: string;
  readonly type: FieldType;
  /** Where nothing is said, and, in a file, where it is null. */
  readonly default: FieldValue;
  /** In a file '' and 0 mean the default, too: kubeadm writes them for what it leaves open. */
  readonly isZeroDefault?: boolean;
  /** A flag may set several fields. */
  readonly flag?: string;
  /** One letter with a single dash. */
  readonly short?: string;
  readonly help?: string;
  /** The flag counts even where a file is given. */
  readonly outranksFile?: boolean;
  /** kube-proxy does not have it: its nftables mode can't do this. */
  readonly isOwn?: boolean;
  /** Why a value other than the default can't be had here, and what to do. */
  readonly refused?: string;
  /** What is said of a value other than the default: it is taken, and does nothing. */
  readonly unused?: string;
}

const WINDOWS = 'is for Windows nodes only: remove it';
const PROTOBUF = 'the API server is asked for protobuf, and JSON is read where it has none: this changes nothing';

/** All fields of KubeProxyConfiguration v1alpha1, in the order in which they are written. */
export const FIELDS: readonly Field[] = [
  { path: 'featureGates', type: 'gates', default: {}, flag: 'feature-gates' },

  {
    path: 'clientConnection.kubeconfig',
    type: 'text',
    default: '',
    flag: 'kubeconfig',
    help: 'kubeconfig FILE; without it the service account of the Pod is used',
  },
  { path: 'clientConnection.acceptContentTypes', type: 'text', default: '', unused: PROTOBUF },
  {
    path: 'clientConnection.contentType',
    type: 'text',
    default: 'application/vnd.kubernetes.protobuf',
    isZeroDefault: true,
    flag: 'kube-api-content-type',
    unused: PROTOBUF,
  },
  {
    path: 'clientConnection.qps',
    type: 'number',
    default: 5,
    isZeroDefault: true,
    flag: 'kube-api-qps',
    unused: 'a few watches make no queue of requests: this changes nothing',
  },
  {
    path: 'clientConnection.burst',
    type: 'integer',
    default: 10,
    isZeroDefault: true,
    flag: 'kube-api-burst',
    unused: 'a few watches make no queue of requests: this changes nothing',
  },

  {
    path: 'logging.format',
    type: 'text',
    default: 'text',
    isZeroDefault: true,
    flag: 'logging-format',
    outranksFile: true,
    help: 'text or json',
  },
  {
    path: 'logging.verbosity',
    type: 'integer',
    default: 0,
    flag: 'v',
    short: 'v',
    outranksFile: true,
    help: '4 and more write debug lines',
  },
  { path: 'logging.flushFrequency', type: 'anything', default: '', flag: 'log-flush-frequency', outranksFile: true },
  { path: 'logging.vmodule', type: 'anything', default: '', flag: 'vmodule', outranksFile: true },
  { path: 'logging.options', type: 'anything', default: '' },

  {
    path: 'hostnameOverride',
    type: 'text',
    default: '',
    flag: 'hostname-override',
    outranksFile: true,
    help: 'name of this node, where it is not that of the machine',
  },
  {
    path: 'bindAddress',
    type: 'text',
    default: '0.0.0.0',
    isZeroDefault: true,
    flag: 'bind-address',
    help: "IP that is this node's, where it is not the one of its Node object",
  },
  {
    path: 'healthzBindAddress',
    type: 'text',
    default: '0.0.0.0:10256',
    isZeroDefault: true,
    flag: 'healthz-bind-address',
    help: 'IP:PORT of /healthz and /livez; "" for none',
  },
  {
    path: 'metricsBindAddress',
    type: 'text',
    default: '127.0.0.1:10249',
    isZeroDefault: true,
    flag: 'metrics-bind-address',
    help: 'IP:PORT of /metrics; "" for none',
  },
  {
    path: 'bindAddressHardFail',
    type: 'boolean',
    default: false,
    flag: 'bind-address-hard-fail',
    help: 'end where a port is taken, rather than log it and go on',
  },
  {
    path: 'enableProfiling',
    type: 'boolean',
    default: false,
    flag: 'profiling',
    unused: 'there is no /debug/pprof here: node --cpu-prof profiles the process',
  },
  {
    path: 'showHiddenMetricsForVersion',
    type: 'text',
    default: '',
    flag: 'show-hidden-metrics-for-version',
    unused: 'no metric is hidden: this changes nothing',
  },
  {
    path: 'mode',
    type: 'text',
    default: '',
    flag: 'proxy-mode',
    help: 'nftables, iptables or ipvs (default nftables)',
  },

  {
    path: 'iptables.masqueradeBit',
    type: 'integer',
    default: 14,
    flag: 'iptables-masquerade-bit',
    help: 'bit of the packet mark for traffic to be masqueraded, 0 to 31, in every mode',
  },
  {
    path: 'iptables.masqueradeAll',
    type: 'boolean',
    default: false,
    flag: 'masquerade-all',
    help: 'masquerade all that goes to ClusterIPs, in every mode',
  },
  {
    path: 'iptables.localhostNodePorts',
    type: 'boolean',
    default: true,
    flag: 'iptables-localhost-nodeports',
    help: 'node ports answer on 127.0.0.1; in nftables mode only where it is said',
  },
  {
    path: 'iptables.syncPeriod',
    type: 'duration',
    default: 30_000,
    isZeroDefault: true,
    flag: 'iptables-sync-period',
    help: 'pause before a failed sync is tried again, and between looks at the rules, in every mode but ipvs',
  },
  {
    path: 'iptables.minSyncPeriod',
    type: 'duration',
    default: 1000,
    isZeroDefault: true,
    flag: 'iptables-min-sync-period',
    help: 'shortest time between two syncs, in every mode but ipvs; 0s for none',
  },

  {
    path: 'ipvs.syncPeriod',
    type: 'duration',
    default: 30_000,
    isZeroDefault: true,
    flag: 'ipvs-sync-period',
    help: 'likewise in ipvs mode',
  },
  { path: 'ipvs.minSyncPeriod', type: 'duration', default: 0, flag: 'ipvs-min-sync-period', help: 'likewise' },
  { path: 'ipvs.scheduler', type: 'text', default: '', flag: 'ipvs-scheduler', help: 'rr, wrr, lc, ... (default rr)' },
  {
    path: 'ipvs.excludeCIDRs',
    type: 'texts',
    default: [],
    flag: 'ipvs-exclude-cidrs',
    help: 'ranges of virtual servers that others own',
  },
  {
    path: 'ipvs.strictARP',
    type: 'boolean',
    default: false,
    flag: 'ipvs-strict-arp',
    help: 'set arp_ignore to 1 and arp_announce to 2',
  },
  { path: 'ipvs.tcpTimeout', type: 'duration', default: 0, flag: 'ipvs-tcp-timeout', help: '0s leaves it' },
  { path: 'ipvs.tcpFinTimeout', type: 'duration', default: 0, flag: 'ipvs-tcpfin-timeout', help: '0s leaves it' },
  { path: 'ipvs.udpTimeout', type: 'duration', default: 0, flag: 'ipvs-udp-timeout', help: '0s leaves it' },

  { path: 'nftables.masqueradeBit', type: 'integer', default: 14, flag: 'iptables-masquerade-bit' },
  { path: 'nftables.masqueradeAll', type: 'boolean', default: false, flag: 'masquerade-all' },
  {
    path: 'nftables.localhostNodePorts',
    type: 'boolean',
    default: false,
    flag: 'iptables-localhost-nodeports',
    isOwn: true,
  },
  {
    path: 'nftables.syncPeriod',
    type: 'duration',
    default: 30_000,
    isZeroDefault: true,
    flag: 'iptables-sync-period',
  },
  {
    path: 'nftables.minSyncPeriod',
    type: 'duration',
    default: 1000,
    isZeroDefault: true,
    flag: 'iptables-min-sync-period',
  },

  { path: 'winkernel.networkName', type: 'text', default: '', flag: 'network-name', refused: WINDOWS },
  { path: 'winkernel.sourceVip', type: 'text', default: '', flag: 'source-vip', refused: WINDOWS },
  { path: 'winkernel.enableDSR', type: 'boolean', default: false, flag: 'enable-dsr', refused: WINDOWS },
  {
    path: 'winkernel.rootHnsEndpointName',
    type: 'text',
    default: '',
    flag: 'root-hnsendpoint-name',
    refused: WINDOWS,
  },
  {
    path: 'winkernel.forwardHealthCheckVip',
    type: 'boolean',
    default: false,
    flag: 'forward-healthcheck-vip',
    refused: WINDOWS,
  },
  {
    path: 'windowsRunAsService',
    type: 'boolean',
    default: false,
    flag: 'windows-service',
    refused: WINDOWS,
  },

  {
    path: 'detectLocalMode',
    type: 'text',
    default: '',
    flag: 'detect-local-mode',
    help: 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix (default ClusterCIDR)',
  },
  {
    path: 'detectLocal.bridgeInterface',
    type: 'text',
    default: '',
    flag: 'pod-bridge-interface',
    help: 'bridge that Pods are behind, for BridgeInterface',
  },
  {
    path: 'detectLocal.interfaceNamePrefix',
    type: 'text',
    default: '',
    flag: 'pod-interface-name-prefix',
    help: 'what names of Pod interfaces begin with, for InterfaceNamePrefix',
  },
  {
    path: 'clusterCIDR',
    type: 'text',
    default: '',
    flag: 'cluster-cidr',
    help: 'range of Pod addresses; two with a comma for dual stack',
  },
  {
    path: 'nodePortAddresses',
    type: 'texts',
    default: [],
    flag: 'nodeport-addresses',
    help: 'ranges of node addresses that node ports answer on, or primary (default: nftables primary, iptables all)',
  },
  {
    path: 'oomScoreAdj',
    type: 'integer',
    default: -999,
    flag: 'oom-score-adj',
    help: 'oom_score_adj of this process, -1000 to 1000',
  },

  {
    path: 'conntrack.maxPerCore',
    type: 'integer',
    default: 32_768,
    flag: 'conntrack-max-per-core',
    help: 'conntrack entries for each core; 0 leaves the limit',
  },
  { path: 'conntrack.min', type: 'integer', default: 131_072, flag: 'conntrack-min', help: 'but at least so many' },
  {
    path: 'conntrack.tcpEstablishedTimeout',
    type: 'duration',
    default: 86_400_000,
    flag: 'conntrack-tcp-timeout-established',
    help: 'timeout of idle TCP connections; 0s leaves it',
  },
  {
    path: 'conntrack.tcpCloseWaitTimeout',
    type: 'duration',
    default: 3_600_000,
    flag: 'conntrack-tcp-timeout-close-wait',
    help: 'timeout in CLOSE_WAIT; 0s leaves it',
  },
  {
    path: 'conntrack.tcpBeLiberal',
    type: 'boolean',
    default: false,
    flag: 'conntrack-tcp-be-liberal',
    help: 'take packets out of window for valid',
  },
  {
    path: 'conntrack.udpTimeout',
    type: 'duration',
    default: 0,
    flag: 'conntrack-udp-timeout',
    help: 'timeout of UDP flows without a reply; 0s leaves it',
  },
  {
    path: 'conntrack.udpStreamTimeout',
    type: 'duration',
    default: 0,
    flag: 'conntrack-udp-timeout-stream',
    help: 'timeout of UDP flows; 0s leaves it',
  },
  {
    path: 'configSyncPeriod',
    type: 'duration',
    default: 900_000,
    isZeroDefault: true,
    flag: 'config-sync-period',
    unused: 'watches are not listed anew from time to time here: this changes nothing',
  },
  {
    path: 'portRange',
    type: 'text',
    default: '',
    flag: 'proxy-port-range',
    unused: 'kube-proxy does not use it either',
  },
];

/** A flag that is no setting, for one command. */
export interface CommandFlag {
  readonly name: string;
  readonly short?: string;
  readonly type: 'text' | 'boolean' | 'texts';
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
}

/** Flags of every command that reads settings. */
export const COMMON_FLAGS: readonly CommandFlag[] = [
  { name: 'config', type: 'text', value: 'FILE', help: 'KubeProxyConfiguration; most flags below do not count then' },
  {
    name: 'manifests',
    type: 'texts',
    value: 'DIR',
    help: 'read Services, EndpointSlices and Nodes from this directory of YAML in place of an API server; repeatable',
  },
  { name: 'master', type: 'text', value: 'URL', help: 'address of the API server' },
];
