import type { ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import type { RuleOptions } from '#proxy/rule-options.ts';

/** A ServicePort of port 80 without endpoints, but for what is given; `label` is `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`. */
export const servicePortOf = (label: string, clusterIP: string, more: Partial<ServicePort> = {}): ServicePort => {
  const [namespace = '', name = '', portName = ''] = label.split(/[/:]/);
  const protocol = more.protocol ?? 'tcp';
  return {
    key: `${label}/${protocol}`,
    label,
    namespace,
    name,
    portName,
    protocol,
    family: 'IPv4',
    clusterIP,
    port: 80,
    externalIPs: [],
    loadBalancerIPs: [],
    nodePort: 0,
    sourceRanges: [],
    hasNodeInSourceRanges: false,
    healthCheckNodePort: 0,
    affinitySeconds: 0,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    internal: 'balance',
    external: 'balance',
    clusterEndpoints: [],
    localEndpoints: [],
    hasEndpoints: true,
    localReadyCount: 0,
    ...more,
  };
};

export const servicePortsOf = (...ports: readonly ServicePort[]): ServicePorts =>
  new Map(ports.map((port) => [port.key, port]));

/** kube-proxy's options in iptables mode, for IPv4, but for what is given. */
export const iptablesOptions = (more: Partial<RuleOptions> = {}): RuleOptions => ({
  family: 'IPv4',
  localTraffic: { by: 'none' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: 'all',
  localhostNodePorts: true,
  conntrackTcpBeLiberal: false,
  serviceCidrs: [],
  hasRandomFully: true,
  hasNfacct: false,
  ...more,
});
