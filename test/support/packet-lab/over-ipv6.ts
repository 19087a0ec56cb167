import { addressAndPort } from '#proxy/model/address.ts';
import type { Endpoint, ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import type { LocalTraffic, RuleOptions } from '#proxy/rule-options.ts';
import type { ExpectedFate, PacketCase } from '#test/packet-table/packet-case.ts';

/** Bits in front of an IPv4 address within its IPv6 one. */
const BITS = 96;

/** An IPv6 address for each IPv4 one, and no other: ranges stay ranges. Canonical text. */
export const ipv6Of = (text: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
  const [high, low] = [(a << 8) | b, (c << 8) | d];
  return high === 0 ? `fd00:64::${low.toString(16)}` : `fd00:64::${high.toString(16)}:${low.toString(16)}`;
};

const range = (text: string): string => {
  const [start = '', bits = '32'] = text.split('/');
  return `${ipv6Of(start)}/${Number(bits) + BITS}`;
};

/** The case with an IPv6 address in each IPv4 one's place; without what loopback addresses are for, as they have no node ports there. */
export const overIpv6 = (scene: PacketCase): PacketCase => ({
  ...scene,
  title: `${scene.title}, over IPv6`,
  ports: mapped(scene.ports),
  options: options(scene.options),
  machine: { localAddresses: new Set([...scene.machine.localAddresses].filter(isMapped).map(ipv6Of)) },
  flows: scene.flows
    .filter(({ packet }) => isMapped(packet.from) && isMapped(packet.to))
    .map((flow) => ({
      ...flow,
      packet: { ...flow.packet, from: ipv6Of(flow.packet.from), to: ipv6Of(flow.packet.to) },
      expected: fate(flow.expected),
    })),
  previous: scene.previous === null ? null : overIpv6(scene.previous),
});

const isMapped = (text: string): boolean => !text.includes(':') && !text.startsWith('127.');

const fate = (expected: ExpectedFate): ExpectedFate =>
  expected.kind === 'delivered'
    ? {
        ...expected,
        to: expected.to.map((endpoint) => {
          const [start = '', port] = endpoint.split(':');
          return addressAndPort(ipv6Of(start), Number(port));
        }),
      }
    : expected;

const options = (of: RuleOptions): RuleOptions => ({
  ...of,
  family: 'IPv6',
  localTraffic: localTraffic(of.localTraffic),
  nodePortAddresses: of.nodePortAddresses === 'all' ? 'all' : of.nodePortAddresses.filter(isMapped).map(ipv6Of),
  localhostNodePorts: false,
  serviceCidrs: of.serviceCidrs.map(range),
});

const localTraffic = (local: LocalTraffic): LocalTraffic =>
  local.by === 'cidr' ? { ...local, cidr: range(local.cidr) } : local;

const mapped = (ports: ServicePorts): ServicePorts =>
  new Map(
    [...ports].map(([key, port]): [string, ServicePort] => [
      key,
      {
        ...port,
        family: 'IPv6',
        clusterIP: ipv6Of(port.clusterIP),
        externalIPs: port.externalIPs.map(ipv6Of),
        loadBalancerIPs: port.loadBalancerIPs.map(ipv6Of),
        sourceRanges: port.sourceRanges.map(range),
        clusterEndpoints: port.clusterEndpoints.map(endpoint),
        localEndpoints: port.localEndpoints.map(endpoint),
      },
    ]),
  );

const endpoint = (of: Endpoint): Endpoint => ({ ...of, address: ipv6Of(of.address) });
