import ipaddr from 'ipaddr.js';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectNode } from '#kube/objects/node.ts';
import { projectService } from '#kube/objects/service.ts';
import type { Change, KubeObject } from '#kube/source.ts';
import type { Machine, Packet } from '#netfilter/packet.ts';
import { ClusterModel } from '#proxy/model/cluster-model.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import type { ProxyMode } from '#proxy/rule-backend.ts';
import type { IpFamily, LocalTraffic, RuleOptions } from '#proxy/rule-options.ts';
import type { RawCase, RawConfig, RawFlow } from './raw-case.ts';

/** What becomes of a flow's first packet. */
export type ExpectedFate =
  /** Any of `to` (`address:port`) may get it, and each has to get some of many; to itself a packet is always masqueraded. */
  | { readonly kind: 'delivered'; readonly to: readonly string[]; readonly isMasqueraded: boolean }
  | { readonly kind: 'rejected' | 'dropped' | 'accepted' | 'untouched' };

export interface PacketFlow {
  readonly name: string;
  readonly packet: Packet;
  readonly expected: ExpectedFate;
}

/** A cluster as one mode sees it on one node, and what becomes of packets there. */
export interface PacketCase {
  /** `FILE: NAME`. */
  readonly title: string;
  readonly mode: ProxyMode;
  readonly ports: ServicePorts;
  readonly options: RuleOptions;
  readonly machine: Machine;
  readonly flows: readonly PacketFlow[];
  /** The case that this one is a change of: rules that come from there have to do the same as new ones. */
  readonly previous: PacketCase | null;
  readonly nodeName: string;
  /** The objects that `ports` were made from. */
  readonly objects: readonly KubeObject[];
  readonly raw: RawCase;
}

/** A case of a file for one of its modes; `others`: cases of the same file, for `follows`. */
export const packetCase = (file: string, raw: RawCase, mode: ProxyMode, others: readonly RawCase[]): PacketCase => {
  const { config } = raw;
  const followed = raw.follows === undefined ? undefined : others.find(({ name }) => name === raw.follows);
  if (raw.follows !== undefined && followed === undefined) throw new Error(`${file}: no case is called ${raw.follows}`);
  const objects = objectsOf(raw);
  return {
    title: `${file}: ${raw.name}`,
    mode,
    ports: portsOf(objects, config.nodeName, config.ipFamily),
    options: ruleOptions(config, mode),
    machine: { localAddresses: new Set([...config.nodeIPs, '127.0.0.1', '::1']) },
    flows: (raw.flows ?? []).map(packetFlow),
    previous: followed === undefined ? null : packetCase(file, followed, mode, others),
    nodeName: config.nodeName,
    objects,
    raw,
  };
};

/** ServicePorts of a cluster that came at once. */
export const portsOf = (objects: readonly KubeObject[], nodeName: string, family: IpFamily): ServicePorts => {
  const model = new ClusterModel({ nodeName, families: [family] });
  for (const object of objects) model.apply({ type: 'set', object });
  return model.take(family).ports;
};

/** The changes that lead from one case's objects to another's. */
export const changesBetween = (before: readonly KubeObject[], after: readonly KubeObject[]): readonly Change[] => {
  const key = ({ kind, namespace, name }: KubeObject): string => `${kind} ${namespace}/${name}`;
  const left = new Set(after.map(key));
  return [
    ...after.map((object): Change => ({ type: 'set', object })),
    ...before
      .filter((object) => !left.has(key(object)))
      .map(({ kind, namespace, name }): Change => ({ type: 'delete', kind, namespace, name })),
  ];
};

const objectsOf = ({ services, endpointSlices, node, nodes = [] }: RawCase): readonly KubeObject[] =>
  [
    ...services.map(projectService),
    ...endpointSlices.map(projectEndpointSlice),
    ...(node === undefined ? nodes : [node, ...nodes]).map(projectNode),
  ].filter((object) => object !== null);

const ruleOptions = (config: RawConfig, mode: ProxyMode): RuleOptions => {
  const family = config.ipFamily;
  const isOfFamily = (text: string): boolean => text.includes(':') === (family === 'IPv6');
  return {
    family,
    localTraffic: localTraffic(config),
    masqueradeAll: config.masqueradeAll,
    masqueradeMark: Number(config.masqueradeMark),
    ...nodePorts(config, mode),
    conntrackTcpBeLiberal: config.conntrackTCPBeLiberal ?? false,
    serviceCidrs: config.serviceCIDRs.filter(isOfFamily),
    hasRandomFully: config.iptablesHasRandomFully ?? true,
    hasNfacct: (config.nfacctCounters ?? []).length > 0,
  };
};

const localTraffic = ({ detectLocalMode, clusterCIDR, podInterface = '' }: RawConfig): LocalTraffic => {
  switch (detectLocalMode) {
    case 'none':
      return { by: 'none' };
    case 'ClusterCIDR':
    case 'NodeCIDR':
      return { by: 'cidr', cidr: clusterCIDR };
    case 'BridgeInterface':
      return { by: 'interface', name: podInterface };
    case 'InterfaceNamePrefix':
      return { by: 'interface-prefix', prefix: podInterface };
    default:
      throw new Error(`detectLocalMode ${detectLocalMode} is none that is known`);
  }
};

/** kube-proxy's iptables mode serves loopback where the addresses that were asked for take it in; nftables wherever it is told to. */
const nodePorts = (
  config: RawConfig,
  mode: ProxyMode,
): Pick<RuleOptions, 'nodePortAddresses' | 'localhostNodePorts'> => {
  const isOfFamily = (text: string): boolean => text.includes(':') === (config.ipFamily === 'IPv6');
  const isWanted = config.ipFamily === 'IPv4' && config.localhostNodePorts;
  const asked = config.nodePortAddresses ?? (mode === 'nftables' ? ['primary'] : []);
  const ranges = asked.filter((text) => text !== 'primary' && isOfFamily(text)).map((range) => ipaddr.parseCIDR(range));
  if (asked.length === 0 || ranges.some(([, bits]) => bits === 0))
    return { nodePortAddresses: 'all', localhostNodePorts: isWanted };
  const isAsked = (address: string): boolean =>
    (asked.includes('primary') && address === config.nodeIP) ||
    ranges.some((range) => ipaddr.parse(address).match(range));
  const addresses = config.nodeIPs.filter(isOfFamily).filter(isAsked);
  if (mode === 'nftables') return { nodePortAddresses: addresses, localhostNodePorts: isWanted };
  const localhostNodePorts = isWanted && isAsked('127.0.0.1');
  return { nodePortAddresses: localhostNodePorts ? [...addresses, '127.0.0.1'] : addresses, localhostNodePorts };
};

const packetFlow = (flow: RawFlow): PacketFlow => ({
  name: flow.name,
  packet: {
    from: flow.from,
    to: flow.to,
    protocol: flow.proto.toLowerCase() as Packet['protocol'],
    port: flow.dport,
    ...(flow.inInterface === undefined ? {} : { inInterface: flow.inInterface }),
  },
  expected: expectedFate(flow),
});

const expectedFate = (flow: RawFlow): ExpectedFate => {
  if (flow.rejected) return { kind: 'rejected' };
  if (flow.dropped) return { kind: 'dropped' };
  if (flow.accepted) return { kind: 'accepted' };
  if (flow.passthrough) return { kind: 'untouched' };
  return { kind: 'delivered', to: flow.endpoints, isMasqueraded: flow.masq };
};
