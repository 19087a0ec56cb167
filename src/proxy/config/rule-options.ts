import ipaddr from 'ipaddr.js';
import type { Node } from '#kube/objects/node.ts';
import { canonicalRange } from '../model/address.ts';
import type { IpFamily, IpvsOptions, LocalTraffic, RuleOptions } from '../rule-options.ts';
import { nodeAddresses } from './node-addresses.ts';
import type { ProxySettings } from './settings.ts';

/** What tools and kernel can do and have set, found by asking them. */
export interface Probes {
  readonly hasRandomFully: boolean;
  readonly hasNfacct: boolean;
  /** The sysctl `nf_conntrack_tcp_be_liberal` is not 0. */
  readonly isConntrackTcpLiberal: boolean;
}

/** What a machine of today has, where there is none to be asked. */
export const USUAL_PROBES: Probes = { hasRandomFully: true, hasNfacct: false, isConntrackTcpLiberal: false };

/** What rules depend on besides the settings. */
export interface RuleSurroundings {
  readonly family: IpFamily;
  /** null where it is not known. */
  readonly node: Node | null;
  /** Addresses of all interfaces of the machine, of both families. */
  readonly localAddresses: Iterable<string>;
  /** Ranges of ClusterIPs of both families; none where they are not known. */
  readonly serviceCidrs: readonly string[];
  readonly probes: Probes;
}

/** What the rules of one family are made from. */
export const ruleOptions = (settings: ProxySettings, surroundings: RuleSurroundings): RuleOptions => {
  const { family, probes, serviceCidrs } = surroundings;
  const localhostNodePorts = hasLocalhostNodePorts(settings, family);
  return {
    family,
    localTraffic: localTraffic(settings, surroundings),
    masqueradeAll: settings.masqueradeAll,
    masqueradeMark: 2 ** settings.masqueradeBit,
    nodePortAddresses: nodePortAddresses(settings, surroundings, localhostNodePorts),
    localhostNodePorts,
    conntrackTcpBeLiberal: settings.conntrack.tcpBeLiberal || probes.isConntrackTcpLiberal,
    serviceCidrs: ofFamily(serviceCidrs, family),
    hasRandomFully: probes.hasRandomFully,
    hasNfacct: probes.hasNfacct,
    ...(settings.mode === 'ipvs' ? { ipvs: ipvsOptions(settings, surroundings) } : {}),
  };
};

const ipvsOptions = (
  { ipvs }: ProxySettings,
  { family, localAddresses }: Pick<RuleSurroundings, 'family' | 'localAddresses'>,
): IpvsOptions => ({
  scheduler: ipvs.scheduler,
  excludeCidrs: ofFamily(ipvs.excludeCidrs, family),
  strictArp: ipvs.strictArp,
  tcpTimeout: ipvs.tcpTimeoutMs / 1000,
  tcpFinTimeout: ipvs.tcpFinTimeoutMs / 1000,
  udpTimeout: ipvs.udpTimeoutMs / 1000,
  nodeAddresses: [
    ...new Set(
      ofFamily([...localAddresses], family)
        .filter((address) => !isOfMachine(address))
        .map(canonical),
    ),
  ].sort(),
});

/** Loopback, and what has a meaning on one link only. */
const isOfMachine = (address: string): boolean => ['loopback', 'linkLocal'].includes(ipaddr.parse(address).range());

/**
 * Node ports answer on 127.0.0.1: IPv4 only; in iptables mode also only where the node port addresses have it. IPVS can't, so `route_localnet`
 * stays off there, which would need a guard.
 */
export const hasLocalhostNodePorts = (settings: ProxySettings, family: IpFamily): boolean => {
  if (family === 'IPv6' || settings.mode === 'ipvs' || !settings.localhostNodePorts) return false;
  if (settings.mode === 'nftables') return true;
  const ranges = ofFamily(settings.nodePortAddresses, family);
  if (settings.nodePortAddresses.includes('primary')) return false;
  return ranges.length === 0 || ranges.some((range) => isWithin('127.0.0.1', range));
};

/** Why the node's own Pods can't be told from others in this family, or can't yet, in words for the log; '' where they can. */
export const localTrafficProblem = (
  settings: ProxySettings,
  { family, node }: Pick<RuleSurroundings, 'family' | 'node'>,
): string => {
  const { mode, clusterCidrs } = settings.detectLocal;
  if (mode === 'ClusterCIDR' && ofFamily(clusterCidrs, family).length === 0)
    return `no --cluster-cidr of ${family}: traffic of Pods is not told from other traffic`;
  if (mode === 'NodeCIDR' && ofFamily(node?.podCIDRs ?? [], family).length === 0)
    return `the Node has no podCIDR of ${family}: traffic of Pods is not told from other traffic`;
  return '';
};

const localTraffic = (
  { detectLocal }: ProxySettings,
  { family, node }: Pick<RuleSurroundings, 'family' | 'node'>,
): LocalTraffic => {
  switch (detectLocal.mode) {
    case 'ClusterCIDR':
      return byCidr(detectLocal.clusterCidrs, family);
    case 'NodeCIDR':
      return byCidr(node?.podCIDRs ?? [], family);
    case 'BridgeInterface':
      return { by: 'interface', name: detectLocal.bridgeInterface };
    case 'InterfaceNamePrefix':
      return { by: 'interface-prefix', prefix: detectLocal.interfaceNamePrefix };
  }
};

const byCidr = (cidrs: readonly string[], family: IpFamily): LocalTraffic => {
  // Those of a Node are as the object has them.
  const [cidr] = cidrs.flatMap((text) => canonicalRange(text, family)?.text ?? []);
  return cidr === undefined ? { by: 'none' } : { by: 'cidr', cidr };
};

/**
 * Where node ports answer. A list that has no range of a family means all addresses of it, as in kube-proxy; `primary` without an address
 * of the family means none.
 */
const nodePortAddresses = (
  settings: ProxySettings,
  { family, node, localAddresses }: RuleSurroundings,
  localhostNodePorts: boolean,
): 'all' | readonly string[] => {
  const isPrimary =
    settings.nodePortAddresses.includes('primary') ||
    (settings.mode === 'nftables' && settings.nodePortAddresses.length === 0);
  if (isPrimary) {
    const address = nodeAddresses(settings.nodeAddress, node)[family];
    return address === '' || isLoopback(address) ? [] : [canonical(address)];
  }
  const ranges = ofFamily(settings.nodePortAddresses, family);
  if (ranges.length === 0 || ranges.some((range) => range.endsWith('/0'))) return 'all';
  // The nftables rules have a way of their own for 127.0.0.1.
  const hasLoopback = localhostNodePorts && settings.mode !== 'nftables';
  const found = [...localAddresses]
    .filter((address) => familyOf(address) === family && ranges.some((range) => isWithin(address, range)))
    .filter((address) => hasLoopback || !isLoopback(address))
    .map(canonical);
  return [...new Set(found)].sort();
};

const familyOf = (text: string): IpFamily => (text.includes(':') ? 'IPv6' : 'IPv4');
const ofFamily = (texts: readonly string[], family: IpFamily): readonly string[] =>
  texts.filter((text) => text !== 'primary' && familyOf(text) === family);
const canonical = (address: string): string => ipaddr.parse(address).toString();
const isLoopback = (address: string): boolean => ipaddr.parse(address).range() === 'loopback';

const isWithin = (address: string, range: string): boolean => {
  const [network, bits] = ipaddr.parseCIDR(range);
  const ip = ipaddr.parse(address);
  return ip.kind() === network.kind() && ip.match(network, bits);
};
