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
          { name: 'a', port: 80 },
          { name: 'b', port: 53, protocol: 'UDP' },
        ],
      },
    },
  }),
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
        { addresses: ['10.244.0.2'], conditions: { ready: false } },
        { addresses: ['10.244.0.3'], conditions: {}, targetRef: { kind: 'Pod', name: 'pod', namespace: NAMESPACE } },
      ],
    },
  ),
  slice('bare', {}, { addressType: 'IPv6', ports: [], endpoints: [] }),
);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  beforeAll(async () => {
    await testbed.apply(OBJECTS);
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.7' }, { hostname: 'lb.example' }] } };
    await patchStatus('services/dual', status);
    await patchStatus('pods/pod', { podIP: '10.244.0.3', phase: 'Running' });
    await testbed.load(300, 2);
  });
  afterAll(() => testbed.stop());

  const patchStatus = async (path: string, status: object): Promise<void> => {
    const url = `${testbed.http}/api/v1/namespaces/${NAMESPACE}/${path}`;
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

  const filter = { hasEndpointSlices: true, hasPods: true, labelSelector: '', namespaceLabelSelector: '' };
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
