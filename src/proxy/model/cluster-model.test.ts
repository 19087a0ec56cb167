import { describe, expect, it } from 'vitest';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectNode } from '#kube/objects/node.ts';
import { projectService } from '#kube/objects/service.ts';
import { projectServiceCidr } from '#kube/objects/service-cidr.ts';
import type { Change, Kind, KubeObject } from '#kube/source.ts';
import { ClusterModel } from './cluster-model.ts';

const WEB = 'default/web/tcp';

const web = (spec: Readonly<Record<string, unknown>> = {}): KubeObject =>
  projectService({
    metadata: { name: 'web' },
    spec: { clusterIPs: ['172.30.0.1', 'fd00:172:30::1'], ports: [{ port: 80 }], ...spec },
  }) as KubeObject;

const slice = (
  name: string,
  endpoints: readonly unknown[],
  others: Readonly<Record<string, unknown>> = {},
): KubeObject =>
  projectEndpointSlice({
    metadata: { name, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints,
    ...others,
  }) as KubeObject;

const node = (name: string, labels: Readonly<Record<string, string>>, address = '192.168.0.2'): KubeObject =>
  projectNode({ metadata: { name, labels }, status: { addresses: [{ type: 'InternalIP', address }] } }) as KubeObject;

const set = (object: KubeObject): Change => ({ type: 'set', object });
const gone = (kind: Kind, name: string): Change => ({
  type: 'delete',
  kind,
  namespace: kind === 'Node' || kind === 'ServiceCIDR' ? '' : 'default',
  name,
});
const modelOf = (...changes: readonly Change[]): ClusterModel => {
  const model = new ClusterModel({ nodeName: 'here' });
  for (const change of changes) model.apply(change);
  return model;
};
const clusterOf = (model: ClusterModel): readonly string[] | undefined =>
  model
    .take('IPv4')
    .ports.get(WEB)
    ?.clusterEndpoints.map(({ address }) => address);

const ZONE = 'topology.kubernetes.io/zone';

describe('ClusterModel', () => {
  it('gives each change once to each family', () => {
    const model = modelOf(set(web()), set(slice('web-1', [{ addresses: ['10.0.0.1'] }])));
    expect([...model.take('IPv4').changed]).toEqual([WEB]);
    expect([...model.take('IPv4').changed]).toEqual([]);
    expect([...model.take('IPv6').changed]).toEqual([WEB]);
    expect([...model.take('IPv6').changed]).toEqual([]);
  });

  it('gives the same Map each time, which changes when its own family is taken', () => {
    const model = modelOf(set(web()));
    const { ports } = model.take('IPv4');
    model.apply(set(slice('web-1', [{ addresses: ['10.0.0.1'] }])));
    model.take('IPv6');
    expect(ports.get(WEB)?.internal).toBe('reject');
    expect(model.take('IPv4').ports).toBe(ports);
    expect(ports.get(WEB)?.internal).toBe('balance');
  });

  it('says nothing of a change that changes no decision', () => {
    const model = modelOf(set(web()), set(slice('web-1', [{ addresses: ['10.0.0.1'] }])));
    const before = model.take('IPv4').ports.get(WEB);
    model.apply(set(web({ selector: { app: 'other' } })));
    model.apply(set(slice('web-1', [{ addresses: ['10.0.0.1'], hostname: 'pod' }])));
    model.apply(set(slice('web-2', [{ addresses: ['10.0.0.2'], conditions: { ready: false } }])));
    const taken = model.take('IPv4');
    expect([...taken.changed]).toEqual([]);
    expect(taken.ports.get(WEB)).toBe(before);
  });

  it('says nothing of a Service that came and went between two times', () => {
    const model = modelOf(set(web()), gone('Service', 'web'));
    expect([...model.take('IPv4').changed]).toEqual([]);
  });

  it('keeps slices until their Service is there, and after it has gone', () => {
    const model = modelOf(set(slice('web-1', [{ addresses: ['10.0.0.1'] }])));
    expect(clusterOf(model)).toBeUndefined();
    model.apply(set(web()));
    expect(clusterOf(model)).toEqual(['10.0.0.1']);
    model.apply(gone('Service', 'web'));
    expect(clusterOf(model)).toBeUndefined();
    model.apply(set(web()));
    expect(clusterOf(model)).toEqual(['10.0.0.1']);
    model.apply(gone('EndpointSlice', 'web-1'));
    expect(clusterOf(model)).toEqual([]);
  });

  it('hands a slice on that names another Service', () => {
    const model = modelOf(set(web()), set(slice('web-1', [{ addresses: ['10.0.0.1'] }])));
    expect(clusterOf(model)).toEqual(['10.0.0.1']);
    const metadata = { name: 'web-1', labels: { 'kubernetes.io/service-name': 'other' } };
    model.apply(set(slice('web-1', [{ addresses: ['10.0.0.1'] }], { metadata })));
    expect(clusterOf(model)).toEqual([]);
    model.apply(set(slice('web-1', [{ addresses: ['10.0.0.1'] }], { metadata: { name: 'web-1' } })));
    model.apply(gone('EndpointSlice', 'web-1'));
    expect(clusterOf(model)).toEqual([]);
  });

  it('decides anew when the zone of this node changes', () => {
    const hint = (zone: string): unknown => ({ forZones: [{ name: zone }] });
    const model = modelOf(
      set(web()),
      set(
        slice('web-1', [
          { addresses: ['10.0.0.1'], hints: hint('z1') },
          { addresses: ['10.0.0.2'], hints: hint('z2') },
        ]),
      ),
    );
    expect(clusterOf(model)).toEqual(['10.0.0.1', '10.0.0.2']);
    model.apply(set(node('here', { [ZONE]: 'z2' })));
    expect(clusterOf(model)).toEqual(['10.0.0.2']);
    model.apply(set(node('here', { [ZONE]: 'z1' })));
    expect(clusterOf(model)).toEqual(['10.0.0.1']);
    model.apply(gone('Node', 'here'));
    expect(clusterOf(model)).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('asks other nodes for their labels where topologyKeys do', () => {
    const region = 'topology.kubernetes.io/region';
    const model = modelOf(
      set(web({ topologyKeys: [region] })),
      set(slice('web-1', [{ addresses: ['10.0.0.1'], nodeName: 'there' }])),
      set(node('here', { [region]: 'r1' })),
    );
    expect(model.take('IPv4').ports.get(WEB)?.internal).toBe('drop');
    model.apply(set(node('there', { [region]: 'r1' })));
    expect([...model.take('IPv4').changed]).toEqual([WEB]);
    expect(model.take('IPv4').ports.get(WEB)?.internal).toBe('balance');
    model.apply(gone('Node', 'there'));
    expect(model.take('IPv4').ports.get(WEB)?.internal).toBe('drop');
  });

  it('knows whether source ranges have this node in them', () => {
    const service = projectService({
      metadata: { name: 'web' },
      spec: {
        type: 'LoadBalancer',
        clusterIP: '172.30.0.1',
        ports: [{ port: 80 }],
        loadBalancerSourceRanges: ['192.168.0.0/24'],
      },
      status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } },
    }) as KubeObject;
    const model = modelOf(set(service));
    const isIn = (): boolean | undefined => model.take('IPv4').ports.get(WEB)?.hasNodeInSourceRanges;
    expect(isIn()).toBe(false);
    model.apply(set(node('here', {})));
    expect(isIn()).toBe(true);
    model.apply(set(node('here', {}, '192.168.9.2')));
    expect(isIn()).toBe(false);
  });

  it('tells when the changes began that slices bring', () => {
    const at = (time: string, name = 'web-1', addressType = 'IPv4'): Change =>
      set(
        slice(name, [], {
          addressType,
          metadata: {
            name,
            labels: { 'kubernetes.io/service-name': 'web' },
            annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': time },
          },
        }),
      );
    const model = modelOf(
      at('2026-01-01T00:00:01Z'),
      at('2026-01-01T00:00:02Z'),
      at('2026-01-01T00:00:09Z', 'web-6', 'IPv6'),
    );
    const second = Date.parse('2026-01-01T00:00:00Z');
    expect(model.take('IPv4').triggersMs).toEqual([second + 1000, second + 2000]);
    model.apply(at('2026-01-01T00:00:02Z'));
    expect(model.take('IPv4').triggersMs).toEqual([]);
    expect(model.take('IPv6').triggersMs).toEqual([second + 9000]);
  });

  it('gives the Node of this name and the ranges of ClusterIPs of a family', () => {
    const cidr = (name: string, ...cidrs: readonly string[]): Change =>
      set(projectServiceCidr({ metadata: { name }, spec: { cidrs } }) as KubeObject);
    const model = modelOf(
      cidr('kubernetes', '10.96.0.0/12', 'fd00::/112'),
      cidr('more', '10.112.0.0/16', '10.97.0.0/16'),
    );
    const taken = model.take('IPv4');
    expect(taken.serviceCidrs).toEqual(['10.112.0.0/16', '10.96.0.0/12']);
    expect(model.take('IPv6').serviceCidrs).toEqual(['fd00::/112']);
    expect(taken.node).toBeNull();
    expect(model.take('IPv4').serviceCidrs).toBe(taken.serviceCidrs);
    model.apply(gone('ServiceCIDR', 'more'));
    model.apply(set(node('here', {})));
    expect(model.take('IPv4')).toMatchObject({ serviceCidrs: ['10.96.0.0/12'], node: { name: 'here' } });
  });

  it('counts addresses of ready endpoints on this node for the health check, whatever the port', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const endpoints = [
      { addresses: ['10.0.0.1'], nodeName: 'here' },
      { addresses: ['10.0.0.2'], nodeName: 'here', conditions: { ready: false, serving: true, terminating: true } },
      { addresses: ['10.0.0.3'], nodeName: 'there' },
    ];
    const model = modelOf(
      set(web({ ports })),
      set(slice('web-1', endpoints, { ports: [{ name: 'http', port: 8080 }] })),
      set(
        slice('web-2', [{ addresses: ['10.0.0.4'], nodeName: 'here' }], {
          ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
        }),
      ),
    );
    const { ports: taken } = model.take('IPv4');
    expect([...taken.values()].map(({ localReadyCount }) => localReadyCount)).toEqual([2, 2]);
  });

  it('keeps only the families that it was asked for', () => {
    const model = new ClusterModel({ nodeName: 'here', families: ['IPv6'] });
    model.apply(set(web()));
    expect(model.take('IPv6').ports.get(WEB)?.clusterIP).toBe('fd00:172:30::1');
    expect(() => model.take('IPv4')).toThrow('IPv4 is not kept');
  });
});
