import fc from 'fast-check';
import { projectService } from '#kube/objects/service.ts';
import type { KubeObject } from '#kube/source.ts';
import { mostly, namespace, pick, serviceName } from './pick.ts';

const nodePort = (usual: number) => mostly(0, usual, 30080);

const HTTP = fc.record({ name: fc.constant('http'), port: fc.constant(80), nodePort: nodePort(30081) });
const UNNAMED = fc.record({ port: pick(81, 443), nodePort: nodePort(30082) });
const DNS = fc.record({
  name: fc.constant('dns'),
  port: mostly(53, 80),
  protocol: pick('TCP', 'UDP'),
  nodePort: nodePort(30083),
});
const SCTP = fc.record({ name: fc.constant('s'), port: pick(53, 80), protocol: fc.constant('SCTP') });

const ports = fc.oneof(
  fc.tuple(HTTP),
  fc.tuple(UNNAMED),
  fc.tuple(HTTP, DNS),
  fc.tuple(UNNAMED, HTTP),
  fc.tuple(DNS, SCTP, HTTP),
);

/** Each its own as a rule, and some that others have, too. */
const clusterIPs = (name: string): fc.Arbitrary<readonly string[]> => {
  const own = name.charCodeAt(0);
  return mostly<readonly string[]>(
    [`172.30.0.${own}`, `fd00:172:30::${own}`],
    [`172.30.0.${own}`],
    ['172.30.0.1', `fd00:172:30::${own}`],
    ['fd00:172:30::1'],
    ['172.030.000.009'],
    ['None'],
    [],
  );
};

const spec = (name: string) =>
  fc.record({
    type: pick('ClusterIP', 'NodePort', 'LoadBalancer', 'LoadBalancer'),
    clusterIPs: clusterIPs(name),
    ports,
    externalIPs: mostly<readonly string[]>(
      [],
      [`192.0.2.${name.charCodeAt(0)}`],
      ['192.0.2.11', '2001:db8:9::11'],
      ['192.168.1.2'],
      ['198.51.100.11'],
    ),
    internalTrafficPolicy: mostly('Cluster', 'Local'),
    externalTrafficPolicy: pick('Cluster', 'Local'),
    sessionAffinity: mostly('None', 'ClientIP'),
    sessionAffinityConfig: pick({}, { clientIP: { timeoutSeconds: 60 } }),
    healthCheckNodePort: pick(0, 32000),
    loadBalancerSourceRanges: pick<readonly string[]>(
      [],
      [],
      ['203.0.113.0/25', '203.0.113.0/26'],
      ['192.168.0.0/24', '2001:db8::/32'],
      ['0.0.0.0/0'],
    ),
    topologyKeys: mostly<readonly string[]>(
      [],
      ['kubernetes.io/hostname'],
      ['kubernetes.io/hostname', 'topology.kubernetes.io/zone', '*'],
      ['topology.kubernetes.io/zone'],
    ),
  });

const ingress = (name: string) =>
  mostly<readonly unknown[]>(
    [],
    [{ ip: `198.51.100.${name.charCodeAt(0)}` }],
    [{ ip: `198.51.100.${name.charCodeAt(0)}` }, { ip: '2001:db8:9::12' }],
    [{ ip: '198.51.100.11' }, { hostname: 'lb.example.org' }],
    [{ ip: '198.51.100.12', ipMode: 'Proxy' }],
    [{ ip: '192.0.2.11' }],
  );

export const randomService: fc.Arbitrary<KubeObject> = serviceName
  .chain((name) =>
    fc.record({
      metadata: fc.record({
        namespace,
        name: fc.constant(name),
        labels: fc.oneof(
          { weight: 15, arbitrary: fc.constant({}) },
          { weight: 1, arbitrary: fc.constant({ 'service.kubernetes.io/service-proxy-name': 'other' }) },
        ),
      }),
      spec: spec(name),
      status: fc.record({ loadBalancer: fc.record({ ingress: ingress(name) }) }),
    }),
  )
  .map((raw) => projectService(raw) as KubeObject);
