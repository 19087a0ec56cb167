import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { watchedResources } from '#kube/api/resource.ts';
import { asList, asObject } from '#kube/objects/json.ts';
import { ProtobufListSplitter } from '#kube/protobuf/list-splitter.ts';
import { KIND_SCHEMAS } from '#kube/protobuf/schema.ts';
import { together } from './cluster-objects.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = 'protobuf of a real API server';
const { reason, testbed } = await needTestbed(TITLE, ['kubectl', 'etcd']);

const NAMESPACE = 'odd';
const core = (kind: string, name: string, rest: object, metadata = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind, metadata: { name, namespace: NAMESPACE, ...metadata }, ...rest });
const slice = (name: string, metadata: object, rest: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    ...{ metadata: { name, namespace: NAMESPACE, ...metadata }, ...rest },
  });

/** Each field that is looked at, in some object; and objects that have next to none. */
const OBJECTS = together(
  JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels: { a: 'b', 'x/y': '' } } }),
  core('Service', 'bare', { spec: {} }),
  core('Service', 'dual', {
    spec: {
      ...{ type: 'LoadBalancer', clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9', 'fd00::9'], selector: { app: 'x' } },
      ...{
        externalIPs: ['192.0.2.1'],
        ports: [
          { name: 'a', port: 80, nodePort: 30_080 },
          { name: 'b', port: 53, protocol: 'UDP' },
        ],
      },
      ...{ internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local', healthCheckNodePort: 30_081 },
      ...{ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      ...{ loadBalancerSourceRanges: ['203.0.113.0/24', 'fd00::/64'], trafficDistribution: 'PreferSameNode' },
    },
  }),
  core(
    'Service',
    'elsewhere',
    { spec: { sessionAffinity: 'ClientIP' } },
    { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } },
  ),
  core('Node', 'bare', {}, { namespace: undefined }),
  core(
    'Node',
    'n1',
    {
      spec: {
        ...{ podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] },
        taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }],
      },
    },
    { namespace: undefined, labels: { 'topology.kubernetes.io/zone': 'z1' } },
  ),
  core('Service', 'alias', { spec: { type: 'ExternalName', externalName: 'example.com' } }),
  core('Pod', 'pod', { spec: { containers: [] } }, { labels: { constructor: 'c' } }),
  slice(
    'web-1',
    {
      labels: { 'kubernetes.io/service-name': 'dual' },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-21T10:00:00Z' },
    },
    {
      addressType: 'IPv4',
      ports: [{ name: 'a', port: 8080, protocol: 'TCP' }, { name: 'open' }],
      endpoints: [
        { addresses: ['10.244.0.1'], conditions: { ready: true }, hostname: 'web-0', nodeName: 'node', zone: 'z' },
        { addresses: ['10.244.0.2'], conditions: { ready: false, serving: true, terminating: true } },
        { addresses: ['10.244.0.4'], hints: { forZones: [{ name: 'z1' }, { name: 'z2' }] } },
        { addresses: ['10.244.0.5'], hints: { forZones: [{ name: 'z1' }], forNodes: [{ name: 'n1' }] } },
        { addresses: ['10.244.0.3'], conditions: {}, targetRef: { kind: 'Pod', name: 'pod', namespace: NAMESPACE } },
      ],
    },
  ),
  slice(
    'bare',
    { labels: { 'service.kubernetes.io/headless': '' } },
    { addressType: 'IPv6', ports: [], endpoints: [] },
  ),
);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeAll(async () => {
    await testbed.apply(OBJECTS);
    const ingress = [{ ip: '203.0.113.7', ipMode: 'Proxy' }, { ip: '203.0.113.8' }, { hostname: 'lb.example' }];
    await patchStatus(`namespaces/${NAMESPACE}/services/dual`, { loadBalancer: { ingress } });
    await patchStatus(`namespaces/${NAMESPACE}/pods/pod`, { podIP: '10.244.0.3', phase: 'Running' });
    const addresses = [
      { type: 'InternalIP', address: '192.168.0.1' },
      { type: 'Hostname', address: 'n1' },
    ];
    await patchStatus('nodes/n1', { addresses });
    await testbed.load(300, 2);
  });
  afterAll(() => testbed.stop());

  const patchStatus = async (path: string, status: object): Promise<void> => {
    const url = `${testbed.http}/api/v1/${path}`;
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = JSON.stringify({ status });
    const response = await fetch(url, { method: 'PATCH', headers, body });
    expect(response.status).toBe(200);
  };

  const get = async (path: string, accept: string): Promise<Buffer> => {
    const response = await fetch(testbed.http + path, { headers: { accept } });
    expect(response.headers.get('content-type')).toBe(accept);
    return Buffer.from(await response.arrayBuffer());
  };

  // The server has no ServiceCIDRs: src/kube/protobuf/protobuf.test.ts reads some.
  const all = { hasEndpointSlices: true, hasPods: true, nodes: 'all' } as const;
  const filter = { ...all, labelSelector: '', namespaceLabelSelector: '' };
  it.each(watchedResources(filter))('gives the same $title as JSON', async ({ kind, path, project }) => {
    const fromJson = asList(asObject(JSON.parse((await get(path, 'application/json')).toString('utf8'))).items);
    const fromProtobuf: unknown[] = [];
    const splitter = new ProtobufListSplitter(KIND_SCHEMAS[kind], (item) => fromProtobuf.push(project(item)));
    splitter.push(await get(path, 'application/vnd.kubernetes.protobuf'));
    expect(asObject(splitter.finish().metadata).resourceVersion).toMatch(/^\d+$/);
    expect(fromProtobuf).toEqual(fromJson.map(project));
    expect(fromProtobuf.length).toBeGreaterThan(kind === 'Pod' ? 0 : 1);
  });
});
