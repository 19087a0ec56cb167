import fc from 'fast-check';
import type { Endpoint, Outcome, ServicePort, ServicePorts } from '#proxy/model/service-port.ts';
import type { IpFamily } from '#proxy/rule-options.ts';

/** A port of a Service in few words. */
interface Sketch {
  readonly number: number;
  readonly endpoints: readonly { readonly host: number; readonly isLocal: boolean }[];
  readonly isInternalLocal: boolean;
  readonly isExternalLocal: boolean;
  readonly affinitySeconds: number;
  readonly hasNodePort: boolean;
  readonly hasExternalIP: boolean;
  readonly hasLoadBalancer: boolean;
  readonly ranges: number;
  readonly hasHealthCheck: boolean;
  readonly protocol: ServicePort['protocol'];
}

const sketch = (number: number): fc.Arbitrary<Sketch> =>
  fc.record({
    number: fc.constant(number),
    endpoints: fc.uniqueArray(fc.record({ host: fc.integer({ min: 1, max: 6 }), isLocal: fc.boolean() }), {
      maxLength: 4,
      selector: ({ host }) => host,
    }),
    isInternalLocal: fc.boolean(),
    isExternalLocal: fc.boolean(),
    affinitySeconds: fc.constantFrom(0, 0, 90),
    hasNodePort: fc.boolean(),
    hasExternalIP: fc.boolean(),
    hasLoadBalancer: fc.boolean(),
    ranges: fc.integer({ min: 0, max: 2 }),
    hasHealthCheck: fc.boolean(),
    protocol: fc.constantFrom('tcp', 'udp'),
  });

/** Clusters that follow one another: each has some of so many ports of Services, as any of them may be. */
export const clusters = (family: IpFamily, length: number, ports = 4): fc.Arbitrary<readonly ServicePorts[]> =>
  fc
    .array(fc.tuple(...Array.from({ length: ports }, (_, number) => fc.option(sketch(number)))), {
      minLength: length,
      maxLength: length,
    })
    .map((list) =>
      list.map((sketches) =>
        cluster(
          sketches.filter((one) => one !== null),
          family,
        ),
      ),
    );

const cluster = (sketches: readonly Sketch[], family: IpFamily): ServicePorts => {
  const ports = sketches.map((one) => servicePort(one, family));
  return new Map(ports.map((port) => [port.key, port]));
};

const servicePort = (one: Sketch, family: IpFamily): ServicePort => {
  const { number, protocol, isInternalLocal, isExternalLocal, hasNodePort, hasExternalIP, hasLoadBalancer } = one;
  const address = (net: number, host: number): string =>
    family === 'IPv6' ? `fd00:${net}::${host}` : `10.${net}.0.${host}`;
  const endpoints: Endpoint[] = [...one.endpoints]
    .sort((a, b) => a.host - b.host)
    .map(({ host, isLocal }) => ({ address: address(1, host), port: 8080, isLocal }));
  const local = endpoints.filter(({ isLocal }) => isLocal);
  const isExternal = hasNodePort || hasExternalIP || hasLoadBalancer;
  const outcome = (isLocalOnly: boolean): Outcome => {
    if ((isLocalOnly ? local : endpoints).length > 0) return 'balance';
    return endpoints.length > 0 ? 'drop' : 'reject';
  };
  const label = `space/service-${number}:web`;
  return {
    key: `${label}/${protocol}`,
    label,
    namespace: 'space',
    name: `service-${number}`,
    portName: 'web',
    protocol,
    family,
    clusterIP: address(96, number + 1),
    port: 80 + number,
    externalIPs: hasExternalIP ? [address(80, number + 1)] : [],
    loadBalancerIPs: hasLoadBalancer ? [address(81, number + 1), address(82, number + 1)] : [],
    nodePort: hasNodePort ? 30_000 + number : 0,
    sourceRanges: (family === 'IPv6' ? ['fd01::/64', 'fd02::/64'] : ['198.51.100.0/24', '203.0.113.0/25']).slice(
      0,
      one.ranges,
    ),
    hasNodeInSourceRanges: one.ranges === 2,
    healthCheckNodePort: one.hasHealthCheck && isExternalLocal && hasLoadBalancer ? 31_000 + number : 0,
    affinitySeconds: one.affinitySeconds,
    internalPolicy: isInternalLocal ? 'Local' : 'Cluster',
    externalPolicy: isExternalLocal ? 'Local' : 'Cluster',
    internal: outcome(isInternalLocal),
    external: outcome(isExternalLocal),
    clusterEndpoints: isInternalLocal && !isExternal ? [] : endpoints,
    localEndpoints: isInternalLocal || (isExternalLocal && isExternal) ? local : [],
    hasEndpoints: endpoints.length > 0,
    localReadyCount: local.length,
  };
};

/** Keys that are in one of two clusters only, or differ. */
export const changedKeys = (before: ServicePorts, after: ServicePorts): ReadonlySet<string> =>
  new Set(
    [...before.keys(), ...after.keys()].filter(
      (key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)),
    ),
  );
