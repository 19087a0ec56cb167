import fc from 'fast-check';
import type { Endpoint, Outcome, ServicePort } from '#proxy/model/service-port.ts';
import type { IpFamily, RuleOptions } from '#proxy/rule-options.ts';

/** What may become of one Service. */
export interface ServiceShape {
  readonly index: number;
  /** Bits: which of the ten endpoints it has. */
  readonly endpoints: number;
  readonly affinitySeconds: number;
  readonly internalPolicy: 'Cluster' | 'Local';
  readonly externalPolicy: 'Cluster' | 'Local';
  readonly hasNodePort: boolean;
  readonly externalIPs: number;
  readonly loadBalancerIPs: number;
  readonly sourceRanges: number;
  readonly isElsewhere: boolean;
}

export const SERVICES = 7;
const ENDPOINTS = 10;

export const shapes: fc.Arbitrary<ServiceShape> = fc.record({
  index: fc.nat(SERVICES - 1),
  endpoints: fc.oneof(fc.constant(0), fc.nat(2 ** ENDPOINTS - 1)),
  affinitySeconds: fc.constantFrom(0, 0, 0, 60, 10_800),
  internalPolicy: fc.constantFrom('Cluster', 'Local'),
  externalPolicy: fc.constantFrom('Cluster', 'Local'),
  hasNodePort: fc.boolean(),
  externalIPs: fc.nat(2),
  loadBalancerIPs: fc.nat(2),
  sourceRanges: fc.nat(3),
  isElsewhere: fc.boolean(),
});

const PROTOCOLS = ['tcp', 'udp', 'sctp', 'tcp', 'udp', 'tcp', 'udp'] as const;

/** No two have an entry in common, some have addresses and endpoints in common. */
export const servicePort = (shape: ServiceShape, family: IpFamily): ServicePort => {
  const { index, internalPolicy, externalPolicy } = shape;
  const address = (net: number, host: number): string =>
    family === 'IPv6' ? `fd00:${net}::${host.toString(16)}` : `10.${net}.0.${host}`;
  const all = Array.from(
    { length: ENDPOINTS },
    (_, n): Endpoint => ({ address: address(1, n + 1), port: 8080, isLocal: n % 2 === 0 }),
  );
  const clusterEndpoints = all.filter((_, n) => (shape.endpoints & (1 << n)) !== 0);
  const localEndpoints = clusterEndpoints.filter(({ isLocal }) => isLocal);
  const hasEndpoints = clusterEndpoints.length > 0 || shape.isElsewhere;
  const outcome = (policy: 'Cluster' | 'Local'): Outcome => {
    const endpoints = policy === 'Local' ? localEndpoints : clusterEndpoints;
    return endpoints.length > 0 ? 'balance' : hasEndpoints ? 'drop' : 'reject';
  };
  const protocol = PROTOCOLS[index] ?? 'tcp';
  return {
    key: `space/service-${index}:port/${protocol.toUpperCase()}`,
    label: `space/service-${index}:port`,
    namespace: 'space',
    name: `service-${index}`,
    portName: 'port',
    protocol,
    family,
    // Every second one shares its address with the one before.
    clusterIP: address(96, 1 + (index >> 1)),
    port: 80 + index,
    externalIPs: Array.from({ length: shape.externalIPs }, (_, n) => address(80, n + 1)),
    loadBalancerIPs: Array.from({ length: shape.loadBalancerIPs }, (_, n) => address(90, n + 1)),
    nodePort: shape.hasNodePort ? 30_000 + index : 0,
    sourceRanges: ranges(family).slice(0, shape.sourceRanges),
    hasNodeInSourceRanges: shape.sourceRanges > 1,
    healthCheckNodePort: 0,
    affinitySeconds: shape.affinitySeconds,
    internalPolicy,
    externalPolicy,
    internal: outcome(internalPolicy),
    external: outcome(externalPolicy),
    clusterEndpoints,
    localEndpoints,
    hasEndpoints,
    localReadyCount: localEndpoints.length,
  };
};

const ranges = (family: IpFamily): readonly string[] =>
  family === 'IPv6'
    ? ['fd01::/16', 'fd02::1/128', 'fd00:90::1/128']
    : ['192.168.0.0/16', '203.0.113.7/32', '10.90.0.1/32'];

export const ruleOptions = (family: IpFamily, change: Partial<RuleOptions> = {}): RuleOptions => ({
  family,
  localTraffic: { by: 'cidr', cidr: family === 'IPv6' ? 'fd00:1::/64' : '10.1.0.0/16' },
  masqueradeAll: false,
  masqueradeMark: 0x4000,
  nodePortAddresses: family === 'IPv6' ? ['fd00:50::1'] : ['10.50.0.1', '10.50.0.2'],
  localhostNodePorts: family === 'IPv4',
  conntrackTcpBeLiberal: false,
  serviceCidrs: family === 'IPv6' ? ['fd00:96::/108'] : ['10.96.0.0/16', '10.97.0.0/16'],
  hasRandomFully: true,
  hasNfacct: false,
  ...change,
});
