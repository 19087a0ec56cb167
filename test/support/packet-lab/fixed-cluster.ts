import type { Endpoint, ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import { DEFAULT_MASQUERADE_MARK, type RuleOptions } from '#proxy/rule-options.ts';
import { NODE, PacketLab, type Place } from './lab.ts';
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

const PLACES: readonly Place[] = [
  { name: 'clients', addresses: CLIENTS, behind: 'node' },
  ...LOCAL.map((address): Place => ({ name: address, addresses: [address], behind: 'node' })),
  ...REMOTE.map((address): Place => ({ name: address, addresses: [address], behind: 'second-node' })),
];

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

/** A lab with these endpoints, all of them listening, and clients that are pods of the node. */
export const openFixedCluster = async (): Promise<PacketLab> => {
  const lab = await PacketLab.open();
  await lab.add(PLACES);
  await lab.setNode({
    addresses: new Set(['192.168.0.2']),
    routes: new Map(PLACES.flatMap(({ name, addresses }) => addresses.map((each) => [each, name] as const))),
  });
  const listeners = ENDPOINTS.flatMap(({ address, port }) =>
    (['tcp', 'udp'] as const).map((protocol) => ({ namespace: lab.namespace(address), address, port, protocol })),
  );
  await lab.traffic.call('listen', listeners);
  return lab;
};

/** A flow from one of the clients to port 80 of the Service. */
export const flowFrom = (lab: PacketLab, from: string, protocol: Protocol = 'tcp'): Flow => ({
  namespace: lab.namespace(from === '192.168.0.2' ? NODE : 'clients'),
  from,
  to: VIP,
  port: 80,
  protocol,
});

/** The Service, with TCP and UDP alike. */
export const service = (
  endpoints: readonly Endpoint[],
  { affinitySeconds = 0, clusterIP = VIP, name = 'web' } = {},
): readonly ServicePort[] =>
  (['tcp', 'udp'] as const).map((protocol) => ({
    key: `default/${name}:http/${protocol}`,
    label: `default/${name}:http`,
    namespace: 'default',
    name,
    portName: 'http',
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
