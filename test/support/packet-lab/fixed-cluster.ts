import type { Endpoint, ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import { DEFAULT_MASQUERADE_MARK, type IpFamily, type RuleOptions } from '#proxy/rule-options.ts';
import { NODE, PacketLab, type Place } from './lab.ts';
import { ipv6Of } from './over-ipv6.ts';
import type { Flow, Protocol } from './traffic/orders.ts';

const PORT = 8080;
export const VIP = '172.30.0.1';
export const CLIENTS = Array.from({ length: 30 }, (_, n) => `10.0.0.${100 + n}`);
const LOCAL = ['10.0.1.1', '10.0.1.2', '10.0.1.3'];
const REMOTE = ['10.0.2.1'];

/** Three endpoints of this node and one of another. */
export const ENDPOINTS: readonly Endpoint[] = [
  ...LOCAL.map((address) => ({ address, port: PORT, isLocal: true })),
  ...REMOTE.map((address) => ({ address, port: PORT, isLocal: false })),
];

/** The same over IPv6. */
export const IPV6_ENDPOINTS: readonly Endpoint[] = ENDPOINTS.map((each) => ({
  ...each,
  address: ipv6Of(each.address),
}));

const IPV4_PLACES: readonly Place[] = [
  { name: 'clients', addresses: CLIENTS, behind: 'node' },
  ...LOCAL.map((address): Place => ({ name: address, addresses: [address], behind: 'node' })),
  ...REMOTE.map((address): Place => ({ name: address, addresses: [address], behind: 'second-node' })),
];

/** Each with an IPv6 address for each IPv4 one. */
const PLACES: readonly Place[] = IPV4_PLACES.map((place) => ({
  ...place,
  addresses: [...place.addresses, ...place.addresses.map(ipv6Of)],
}));

export const OPTIONS: RuleOptions = {
  family: 'IPv4',
  localTraffic: { by: 'cidr', cidr: '10.0.0.0/8' },
  masqueradeAll: false,
  masqueradeMark: DEFAULT_MASQUERADE_MARK,
  nodePortAddresses: 'all',
  localhostNodePorts: false,
  conntrackTcpBeLiberal: false,
  serviceCidrs: ['172.30.0.0/16'],
  hasRandomFully: true,
  hasNfacct: false,
};

export const IPV6_OPTIONS: RuleOptions = {
  ...OPTIONS,
  family: 'IPv6',
  localTraffic: { by: 'cidr', cidr: `${ipv6Of('10.0.0.0')}/104` },
  serviceCidrs: [`${ipv6Of('172.30.0.0')}/112`],
};

/** A lab with these endpoints, all of them listening, and clients that are pods of the node. */
export const openFixedCluster = async (): Promise<PacketLab> => {
  const lab = await PacketLab.open();
  await lab.add(PLACES);
  await lab.setNode({
    addresses: new Set(['192.168.0.2']),
    routes: new Map(PLACES.flatMap(({ name, addresses }) => addresses.map((each) => [each, name] as const))),
  });
  const listeners = ENDPOINTS.flatMap(({ address: place, port }) =>
    [place, ipv6Of(place)].flatMap((address) =>
      (['tcp', 'udp'] as const).map((protocol) => ({ namespace: lab.namespace(place), address, port, protocol })),
    ),
  );
  await lab.traffic.call('listen', listeners);
  return lab;
};

/** A flow from one of the clients to port 80 of the Service. */
export const flowFrom = (lab: PacketLab, from: string, protocol: Protocol = 'tcp'): Flow => ({
  namespace: lab.namespace(from === '192.168.0.2' ? NODE : 'clients'),
  from,
  to: from.includes(':') ? ipv6Of(VIP) : VIP,
  port: 80,
  protocol,
});

/** The Service over IPv6. */
export const ipv6Service = (endpoints: readonly Endpoint[]): readonly ServicePort[] =>
  service(endpoints, { clusterIP: ipv6Of(VIP), family: 'IPv6' });

/** The Service, with TCP and UDP alike. */
export const service = (
  endpoints: readonly Endpoint[],
  { affinitySeconds = 0, clusterIP = VIP, name = 'web', family = 'IPv4' as IpFamily } = {},
): readonly ServicePort[] =>
  (['tcp', 'udp'] as const).map((protocol) => ({
    key: `default/${name}:http/${protocol}`,
    label: `default/${name}:http`,
    namespace: 'default',
    name,
    portName: 'http',
    protocol,
    family,
    clusterIP,
    port: 80,
    externalIPs: [],
    loadBalancerIPs: [],
    nodePort: 0,
    sourceRanges: [],
    hasNodeInSourceRanges: false,
    healthCheckNodePort: 0,
    affinitySeconds,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    internal: endpoints.length > 0 ? 'balance' : 'reject',
    external: endpoints.length > 0 ? 'balance' : 'reject',
    clusterEndpoints: endpoints,
    localEndpoints: [],
    hasEndpoints: endpoints.length > 0,
    localReadyCount: endpoints.filter(({ isLocal }) => isLocal).length,
  }));

export const byKey = (ports: readonly ServicePort[]): ServicePorts => new Map(ports.map((port) => [port.key, port]));

export const keysOf = (ports: readonly ServicePort[]): ReadonlySet<string> => new Set(ports.map(({ key }) => key));
