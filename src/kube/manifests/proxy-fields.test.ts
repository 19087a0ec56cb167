/** What the Service proxy goes by: policies, load balancers, Nodes, zones and hints, ServiceCIDRs. */

import { describe, expect, it } from 'vitest';
import { asList, asObject, type RawObject } from '../objects/json.ts';
import { completeCluster } from './complete.ts';
import { formatFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';
import { readObjects } from './read-objects.ts';

const complete = (text: string, serviceCidrs?: readonly string[]) => {
  const parsed = parseYaml('a.yaml', text);
  const { objects, namespaces, faults } = readObjects(parsed.documents);
  const cluster = completeCluster(objects, namespaces, serviceCidrs);
  return { ...cluster, faults: [...parsed.faults, ...faults, ...cluster.faults].map(formatFault) };
};
const service = (name: string, spec: string, status = '{}'): string =>
  `---\napiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: ${spec}\nstatus: ${status}\n`;
const node = (name: string, zone: string): string =>
  `---\napiVersion: v1\nkind: Node\nmetadata: {name: ${name}, labels: {topology.kubernetes.io/zone: ${zone}}}\n`;
const pod = (name: string, nodeName: string, more = ''): string =>
  `---\napiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {app: web}${more}}\nspec: {nodeName: ${nodeName}}\n`;
const cidr = (name: string, cidrs: string): string =>
  `---\napiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {name: ${name}}\nspec: {cidrs: ${cidrs}}\n`;
const specOf = (text: string, index = 0): RawObject => asObject(complete(text).services[index]?.spec);
const endpointsOf = (text: string): RawObject[] =>
  complete(text).endpointSlices.flatMap((slice) => asList(slice.endpoints).map(asObject));
const messages = (text: string): string[] =>
  complete(text).faults.map((fault) => fault.replace(/^\S+ Service default\/a: /, ''));

describe('a Service', () => {
  it('gets the defaults of the API server, each where its type has the field', () => {
    const cluster = { sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' };
    expect(specOf(service('a', '{ports: [{port: 80}]}'))).toMatchObject(cluster);
    expect(specOf(service('a', '{}'))).not.toHaveProperty('externalTrafficPolicy');
    expect(specOf(service('a', '{externalIPs: [80.11.12.10]}'))).toMatchObject({ externalTrafficPolicy: 'Cluster' });
    const external = { ...cluster, externalTrafficPolicy: 'Cluster' };
    expect(specOf(service('a', '{type: NodePort}'))).toMatchObject(external);
    expect(specOf(service('a', '{type: NodePort}'))).not.toHaveProperty('allocateLoadBalancerNodePorts');
    expect(specOf(service('a', '{type: LoadBalancer}'))).toMatchObject({
      ...external,
      allocateLoadBalancerNodePorts: true,
    });
    const outside = specOf(service('a', '{type: ExternalName, externalName: x.example}'));
    expect(outside).not.toHaveProperty('internalTrafficPolicy');
  });

  it('keeps what it says', () => {
    const said =
      'internalTrafficPolicy: Local, externalTrafficPolicy: Local, trafficDistribution: PreferSameZone, topologyKeys: [kubernetes.io/hostname, "*"]';
    expect(complete(service('a', `{type: NodePort, ${said}}`)).faults).toEqual([]);
    expect(specOf(service('a', `{type: NodePort, ${said}}`))).toMatchObject({
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      trafficDistribution: 'PreferSameZone',
      topologyKeys: ['kubernetes.io/hostname', '*'],
    });
  });

  it('with affinity gets its three hours, and without it no time', () => {
    const config = (spec: string): unknown => specOf(service('a', spec)).sessionAffinityConfig;
    expect(config('{sessionAffinity: ClientIP}')).toEqual({ clientIP: { timeoutSeconds: 10_800 } });
    const given = 'sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}';
    expect(config(`{sessionAffinity: ClientIP, ${given}}`)).toEqual({ clientIP: { timeoutSeconds: 60 } });
    expect(config(`{sessionAffinity: None, ${given}}`)).toBeUndefined();
  });

  it('keeps the addresses of its load balancer, in mode VIP unless they say Proxy', () => {
    const status = '{loadBalancer: {ingress: [{ip: 203.0.113.1}, {ip: 203.0.113.2, ipMode: Proxy}, {hostname: x}]}}';
    const { services, faults } = complete(service('a', '{type: LoadBalancer}', status));
    expect(faults).toEqual([]);
    expect(asObject(services[0]?.status)).toEqual({
      loadBalancer: {
        ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }, { ip: '203.0.113.2', ipMode: 'Proxy' }, { hostname: 'x' }],
      },
    });
  });

  it('gets a health check node port where its load balancer needs one, and moves nobody by it', () => {
    const local = 'type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]';
    const { healthCheckNodePort, ports } = specOf(service('a', `{${local}}`));
    const nodePort = asObject(asList(ports)[0]).nodePort;
    expect(healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    expect(healthCheckNodePort).not.toBe(nodePort);
    expect(specOf(service('a', '{type: LoadBalancer}'))).not.toHaveProperty('healthCheckNodePort');
    expect(specOf(service('a', `{healthCheckNodePort: 30100, ${local}}`)).healthCheckNodePort).toBe(30_100);
    // A Service whose node port is allotted just where the other's health check was.
    const both = complete(
      service('a', `{${local}}`) +
        service('b', `{type: NodePort, ports: [{port: 80, nodePort: ${healthCheckNodePort}}]}`),
    );
    expect(both.faults).toEqual([]);
    expect(asObject(both.services[0]?.spec).healthCheckNodePort).not.toBe(healthCheckNodePort);
  });

  it('without node ports for its load balancer has none, but for those that it gives itself', () => {
    const spec =
      '{type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{name: a, port: 80}, {name: b, port: 81, nodePort: 30081}]}';
    const ports = asList(specOf(service('a', spec)).ports).map((port) => asObject(port).nodePort);
    expect(ports).toEqual([undefined, 30_081]);
  });

  it('with a word that is none is reported with those that there are, and where', () => {
    const text = `---
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  type: NodePort
  sessionAffinity: Client
  internalTrafficPolicy: local
  externalTrafficPolicy: Both
  trafficDistribution: PreferLocal
`;
    expect(complete(text).faults).toEqual([
      'a.yaml:7:20: Service default/a: sessionAffinity "Client" is not one of None, ClientIP',
      'a.yaml:8:26: Service default/a: internalTrafficPolicy "local" is not one of Cluster, Local',
      'a.yaml:9:26: Service default/a: externalTrafficPolicy "Both" is not one of Cluster, Local',
      'a.yaml:10:24: Service default/a: trafficDistribution "PreferLocal" is not one of PreferSameZone, PreferSameNode, PreferClose',
    ]);
  });

  it('with addresses and ranges that are none is reported with the place of each', () => {
    const text = `---
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  type: LoadBalancer
  externalIPs:
    - 080.11.12.10
    - 80.11.12
    - 127.0.0.1
    - 8
  loadBalancerSourceRanges:
    - 10.0.0.0/8
    - 10.0.0.0/33
    - " 010.0.0.0/8 "
status:
  loadBalancer:
    ingress:
      - ip: 203.0.113
        ipMode: Vip
`;
    expect(complete(text).faults).toEqual([
      'a.yaml:8:7: Service default/a: externalIPs "080.11.12.10" has leading zeros: write 80.11.12.10',
      'a.yaml:9:7: Service default/a: externalIPs "80.11.12" is not an IP address',
      'a.yaml:10:7: Service default/a: externalIPs 127.0.0.1 is no address of a host that others can reach',
      'a.yaml:11:7: Service default/a: externalIPs 8 is not text: put it in quotes',
      'a.yaml:14:7: Service default/a: loadBalancerSourceRanges "10.0.0.0/33" is not a range of addresses such as 192.0.2.0/24',
      'a.yaml:15:7: Service default/a: loadBalancerSourceRanges " 010.0.0.0/8 " has leading zeros: write 10.0.0.0/8',
      'a.yaml:19:13: Service default/a: ingress ip "203.0.113" is not an IP address',
      'a.yaml:20:17: Service default/a: ipMode "Vip" is not one of VIP, Proxy',
    ]);
  });

  it('with a field that its type or another field does not go with is reported', () => {
    const local = 'externalTrafficPolicy: Local';
    expect(messages(service('a', `{${local}}`))).toEqual([
      'externalTrafficPolicy needs type NodePort or LoadBalancer, or externalIPs',
    ]);
    expect(messages(service('a', '{type: NodePort, loadBalancerSourceRanges: [10.0.0.0/8]}'))).toEqual([
      'loadBalancerSourceRanges needs type LoadBalancer',
    ]);
    expect(messages(service('a', `{type: NodePort, ${local}, healthCheckNodePort: 30100}`))).toEqual([
      'healthCheckNodePort 30100 needs type LoadBalancer and externalTrafficPolicy Local: leave it out',
    ]);
    expect(messages(service('a', '{sessionAffinityConfig: {clientIP: {timeoutSeconds: 86401}}}'))).toEqual([
      'timeoutSeconds 86401 is not a number from 1 to 86400',
      'timeoutSeconds needs sessionAffinity ClientIP: without it no client stays with an endpoint',
    ]);
    expect(messages(service('a', '{topologyKeys: ["*", zone, zone, 7]}'))).toEqual([
      'topology key "*" means any endpoint, so what is behind it counts for nothing: put it last',
      'topology key "zone" is there twice',
      'topology key 7 is not a label of a Node',
    ]);
    expect(messages(service('a', '{topologyKeys: zone, externalIPs: 8}'))).toEqual([
      'topologyKeys is not a list: begin each label of a Node with `- `',
      'externalIPs is not a list: begin each with `- `',
    ]);
    const first = service('a', '{type: NodePort, ports: [{port: 80, nodePort: 30100}]}');
    expect(
      complete(`${first}${service('b', `{type: LoadBalancer, ${local}, healthCheckNodePort: 30100}`)}`).faults,
    ).toEqual([
      'a.yaml:11:79: Service default/b: healthCheckNodePort 30100 is taken by Service default/a: choose another, or leave it out (one is allotted)',
    ]);
  });
});

describe('addresses with leading zeros', () => {
  it('are reported, and taken without them where the cluster itself would use them', () => {
    const endpoints =
      '---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\nsubsets: [{addresses: [{ip: 001.2.3.4, nodeName: n1}]}]\n';
    const web = '---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nstatus: {podIP: 010.244.0.7}\n';
    const { services, endpointSlices, pods, faults } = complete(
      service('a', '{clusterIP: 010.96.0.8}') + endpoints + web,
    );
    expect(asObject(services[0]?.spec).clusterIPs).toEqual(['10.96.0.8']);
    expect(asList(endpointSlices[0]?.endpoints)).toMatchObject([{ addresses: ['1.2.3.4'], nodeName: 'n1' }]);
    expect(asObject(pods[0]?.status).podIP).toBe('10.244.0.7');
    expect(faults).toEqual([
      'a.yaml:5:19: Service default/a: clusterIP 010.96.0.8 has leading zeros: write 10.96.0.8',
      'a.yaml:16:17: Pod default/p: podIP "010.244.0.7" has leading zeros: write 10.244.0.7',
      'a.yaml:11:29: Endpoints default/a: "001.2.3.4" has leading zeros: write 1.2.3.4',
    ]);
  });
});

describe('EndpointSlices from Pods', () => {
  const nodes = node('n1', 'z1') + node('n2', 'z2');
  const web = (more: string): string => service('web', `{selector: {app: web}, ports: [{port: 80}]${more}}`);

  it('say the node, and the zone of it where the Node is known', () => {
    expect(endpointsOf(`${nodes}${web('')}${pod('a', 'n1')}${pod('b', 'n9')}`)).toMatchObject([
      { nodeName: 'n1', zone: 'z1' },
      { nodeName: 'n9' },
    ]);
    const plain = endpointsOf(web('') + pod('a', 'n1'))[0];
    expect(plain).not.toHaveProperty('zone');
    expect(plain).not.toHaveProperty('hints');
  });

  it.each(['PreferClose', 'PreferSameZone'])('hint at their own zone for %s', (distribution) => {
    const found = endpointsOf(
      `${nodes}${web(`, trafficDistribution: ${distribution}`)}${pod('a', 'n1')}${pod('b', 'n9')}`,
    );
    expect(found[0]?.hints).toEqual({ forZones: [{ name: 'z1' }] });
    expect(found[1]).not.toHaveProperty('hints');
  });

  it('hint at their own node and zone for PreferSameNode, and only where they are ready', () => {
    const gone = pod('c', 'n1', ', deletionTimestamp: "2026-01-01T00:00:00Z"');
    const found = endpointsOf(
      `${nodes}${web(', trafficDistribution: PreferSameNode')}${pod('a', 'n1')}${pod('b', 'n9')}${gone}`,
    );
    expect(found.map(({ hints }) => hints)).toEqual([
      { forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] },
      { forNodes: [{ name: 'n9' }] },
      undefined,
    ]);
    expect(found[2]?.conditions).toEqual({ ready: false, serving: true, terminating: true });
  });

  it('that are given keep their hints and conditions, and are reported for addresses that they can not have', () => {
    const given = `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: []
endpoints:
  - {addresses: [10.0.0.1], conditions: {ready: false, serving: true}, hints: {forZones: [{name: z9}]}}
  - {addresses: [fd00::1]}
  - {addresses: [10.0.0.01]}
`;
    const { endpointSlices, faults } = complete(web(', trafficDistribution: PreferSameZone') + given);
    expect(asList(endpointSlices[0]?.endpoints)[0]).toMatchObject({
      conditions: { ready: false, serving: true },
      hints: { forZones: [{ name: 'z9' }] },
    });
    expect(faults).toEqual([
      `a.yaml:15:18: EndpointSlice default/web-1: address "fd00::1" is not of the slice's family, IPv4`,
      'a.yaml:16:18: EndpointSlice default/web-1: address "10.0.0.01" has leading zeros: write 10.0.0.1',
    ]);
  });
});

describe('ServiceCIDRs', () => {
  it('are what ClusterIPs are allotted from, those of `kubernetes` first', () => {
    const text = cidr('b', '[10.43.0.0/16]') + cidr('kubernetes', '["fd00:43::/112"]') + service('a', '{}');
    const { services, serviceCidrs, faults } = complete(text);
    expect(faults).toEqual([]);
    expect(asObject(services[0]?.spec).clusterIP).toMatch(/^fd00:43::/);
    expect(serviceCidrs).toEqual([
      {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'ServiceCIDR',
        metadata: { name: 'b' },
        spec: { cidrs: ['10.43.0.0/16'] },
      },
      expect.objectContaining({ metadata: { name: 'kubernetes' } }),
    ]);
    const told = complete(text, ['10.44.0.0/16']);
    expect(asObject(told.services[0]?.spec).clusterIP).toMatch(/^10\.44\./);
  });

  it('are reported where they are none, or a ClusterIP is in none of them', () => {
    const text =
      cidr('a', '[10.43.0.0, 10.43.1.0/16, 010.44.0.0/16, 7]') +
      cidr('b', '[]') +
      service('in', '{clusterIP: 10.43.9.9}') +
      service('out', '{clusterIP: 10.96.0.9}');
    expect(complete(text).faults).toEqual([
      'a.yaml:5:16: ServiceCIDR a: cidr "10.43.0.0" is not a range of addresses such as 192.0.2.0/24',
      'a.yaml:5:27: ServiceCIDR a: cidr "10.43.1.0/16" does not begin where its range does: write 10.43.0.0/16',
      'a.yaml:5:41: ServiceCIDR a: cidr "010.44.0.0/16" has leading zeros: write 10.44.0.0/16',
      'a.yaml:5:56: ServiceCIDR a: cidr 7 is not a range of addresses such as 192.0.2.0/24',
      'a.yaml:10:8: ServiceCIDR b: it needs spec.cidrs, a list of ranges such as 10.96.0.0/12',
      'a.yaml:21:19: Service default/out: clusterIP 10.96.0.9 is in no ServiceCIDR (10.43.0.0/16, 10.44.0.0/16)',
    ]);
    expect(complete(cidr('a', '[10.43.0.0/16, 10.44.0.0/16]')).faults).toEqual([
      'a.yaml:5:30: ServiceCIDR a: cidr "10.44.0.0/16" is the second range of its family, which an API server refuses: put it in a ServiceCIDR of its own',
    ]);
  });
});

describe('Nodes', () => {
  it('are given out as they are, without a Namespace, and make none', () => {
    const text =
      '---\napiVersion: v1\nkind: Node\nmetadata: {name: n1.example, namespace: odd, uid: x}\nspec: {podCIDR: 10.244.1.0/24}\n';
    const { nodes, namespaces, faults } = complete(text);
    expect(faults).toEqual([]);
    expect(nodes).toEqual([
      { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1.example' }, spec: { podCIDR: '10.244.1.0/24' } },
    ]);
    expect(namespaces.map((raw) => asObject(raw.metadata).name)).toEqual(['default', 'kube-system']);
  });

  it('are reported with labels, addresses and ranges that are none', () => {
    const text = `---
apiVersion: v1
kind: Node
metadata:
  name: n1
  labels: {topology.kubernetes.io/zone: 1}
spec:
  podCIDRs: [10.244.1.0]
status:
  addresses:
    - {type: InternalIP, address: 192.168.0}
    - {type: Hostname, address: n1}
`;
    expect(complete(text).faults).toEqual([
      'a.yaml:6:41: Node n1: label topology.kubernetes.io/zone 1 is not text: put it in quotes',
      'a.yaml:11:35: Node n1: InternalIP "192.168.0" is not an IP address',
      'a.yaml:8:14: Node n1: podCIDR "10.244.1.0" is not a range of addresses such as 192.0.2.0/24',
    ]);
  });
});
