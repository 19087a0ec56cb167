import type { Fate, Packet } from '#netfilter/packet.ts';
import { holds } from '#proxy/model/address.ts';
import type { Endpoint, ServicePort } from '#proxy/model/service-port.ts';
import type { LocalTraffic } from '#proxy/rule-options.ts';
import type { PacketCase } from './packet-case.ts';

/**
 * What becomes of a packet, from ServicePorts alone: no chains, no maps. Says whether the model is right before there are rules, and of
 * random clusters what rules have to do. For nftables and iptables.
 */
export const oracle = (world: World, packet: Packet): Fate => {
  const { ports, options, machine, mode } = world;
  const isFromNode = machine.localAddresses.has(packet.from);
  const isFromPod = isLocalTraffic(options.localTraffic, packet, isFromNode);
  const deliver = (endpoints: readonly Endpoint[], isMasqueraded: boolean): Fate => ({
    kind: 'delivered',
    to: endpoints.map(({ address, port, isLocal }) => ({
      address,
      port,
      chance: 1 / endpoints.length,
      // The nftables rules look at endpoints of this node alone: no other can send from its address by way of this node.
      isMasqueraded: isMasqueraded || (address === packet.from && (isLocal || mode === 'iptables')),
    })),
  });

  const toClusterIP = (port: ServicePort): Fate => {
    if (port.internal !== 'balance') return { kind: port.internal === 'reject' ? 'rejected' : 'dropped' };
    const isForeign = options.localTraffic.by !== 'none' && !isFromPod;
    const endpoints = port.internalPolicy === 'Local' ? port.localEndpoints : port.clusterEndpoints;
    return deliver(endpoints, options.masqueradeAll || isForeign);
  };

  const fromOutside = (port: ServicePort): Fate => {
    const isLocalPolicy = port.externalPolicy === 'Local';
    if (isLocalPolicy && (isFromPod || isFromNode) && port.clusterEndpoints.length > 0)
      return deliver(port.clusterEndpoints, !isFromPod);
    if (port.external === 'balance')
      return isLocalPolicy
        ? deliver(port.localEndpoints, isFromNode && !isFromPod)
        : deliver(port.clusterEndpoints, true);
    // kube-proxy's iptables rules against it look at what comes in and what is forwarded, not at what leaves for elsewhere.
    if (mode === 'iptables' && isFromNode && !machine.localAddresses.has(packet.to)) return { kind: 'untouched' };
    return { kind: port.external === 'reject' ? 'rejected' : 'dropped' };
  };

  const isRefusedByRanges = (port: ServicePort): boolean => {
    if (port.sourceRanges.length === 0 || (mode === 'iptables' && !port.hasEndpoints)) return false;
    if (port.sourceRanges.some((range) => holds(range, packet.from))) return false;
    return !(port.hasNodeInSourceRanges && port.loadBalancerIPs.includes(packet.from));
  };

  for (const port of ports.values()) {
    if (port.protocol !== packet.protocol || port.port !== packet.port) continue;
    if (port.clusterIP === packet.to) return toClusterIP(port);
    if (port.loadBalancerIPs.includes(packet.to))
      return isRefusedByRanges(port) ? { kind: 'dropped' } : fromOutside(port);
    if (port.externalIPs.includes(packet.to)) return fromOutside(port);
  }
  const isTaken = takesNodePorts(world, packet.to);
  for (const port of ports.values()) {
    if (port.nodePort !== packet.port || port.protocol !== packet.protocol) continue;
    if (isTaken) return fromOutside(port);
    // kube-proxy's iptables rules refuse a node port that nobody serves on every address of the node.
    if (mode === 'iptables' && port.external !== 'balance' && machine.localAddresses.has(packet.to))
      return { kind: port.external === 'reject' ? 'rejected' : 'dropped' };
  }
  return toNothing(world, packet);
};

export type World = Pick<PacketCase, 'mode' | 'ports' | 'options' | 'machine'>;

const isLocalTraffic = (local: LocalTraffic, { from, inInterface = '' }: Packet, isFromNode: boolean): boolean => {
  switch (local.by) {
    case 'none':
      return false;
    case 'cidr':
      return holds(local.cidr, from);
    case 'interface':
      return !isFromNode && inInterface === local.name;
    case 'interface-prefix':
      return !isFromNode && inInterface !== '' && inInterface.startsWith(local.prefix);
  }
};

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.');

const takesNodePorts = ({ options, machine }: World, to: string): boolean => {
  if (isLoopback(to)) return options.localhostNodePorts && to !== '::1';
  return options.nodePortAddresses === 'all' ? machine.localAddresses.has(to) : options.nodePortAddresses.includes(to);
};

/** What no Service takes. */
const toNothing = ({ mode, ports, options, machine }: World, { from, to, port, protocol }: Packet): Fate => {
  const all = [...ports.values()];
  if (mode === 'nftables' && all.some(({ clusterIP }) => clusterIP === to)) return { kind: 'rejected' };
  if (mode === 'nftables' && options.serviceCidrs.some((range) => holds(range, to))) return { kind: 'dropped' };
  // CVE-2020-8558: what listens on loopback must stay out of reach although the kernel routes there.
  if (options.localhostNodePorts && isLoopback(to) && !isLoopback(from)) return { kind: 'dropped' };
  const isHealthCheck = protocol === 'tcp' && all.some(({ healthCheckNodePort }) => healthCheckNodePort === port);
  return { kind: mode === 'iptables' && isHealthCheck && machine.localAddresses.has(to) ? 'accepted' : 'untouched' };
};
