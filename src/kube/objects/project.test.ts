import { describe, expect, it } from 'vitest';
import { projectEndpointSlice } from './endpoint-slice.ts';
import { projectNamespace } from './namespace.ts';
import { projectNode } from './node.ts';
import { projectPod } from './pod.ts';
import { projectService } from './service.ts';
import { projectServiceCidr } from './service-cidr.ts';

/** What a Service has that says nothing of it. */
const PLAIN_POLICIES = {
  internalTrafficPolicy: 'Cluster',
  externalTrafficPolicy: 'Cluster',
  affinitySeconds: 0,
  sourceRanges: [],
  healthCheckNodePort: 0,
  trafficDistribution: '',
  topologyKeys: [],
  proxyName: '',
};

const metadata = { name: 'web', namespace: 'shop', resourceVersion: '7' };

describe('projectService', () => {
  it('keeps the fields that are answered from', () => {
    const raw = {
      metadata: { ...metadata, managedFields: [{}] },
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.7',
        clusterIPs: ['10.96.0.7', 'fd00::7'],
        externalIPs: ['203.0.113.1'],
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, targetPort: 8080 },
          { port: 53, protocol: 'UDP' },
        ],
      },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.2' }, { hostname: 'lb.example.com' }] } },
    };
    expect(projectService(raw)).toEqual({
      kind: 'Service',
      namespace: 'shop',
      name: 'web',
      resourceVersion: '7',
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.7', 'fd00::7'],
      externalName: '',
      ports: [
        { name: 'http', protocol: 'tcp', port: 80, nodePort: 0 },
        { name: '', protocol: 'udp', port: 53, nodePort: 0 },
      ],
      externalIPs: ['203.0.113.1'],
      ingress: [
        { ip: '203.0.113.2', hostname: '', ipMode: 'VIP' },
        { ip: '', hostname: 'lb.example.com', ipMode: 'VIP' },
      ],
      isSelectorless: false,
      ...PLAIN_POLICIES,
    });
  });

  it('keeps the fields that the Service proxy goes by', () => {
    const raw = {
      metadata: { ...metadata, labels: { 'service.kubernetes.io/service-proxy-name': 'other' } },
      spec: {
        type: 'LoadBalancer',
        ports: [{ port: 80, nodePort: 30_080 }],
        internalTrafficPolicy: 'Local',
        externalTrafficPolicy: 'Local',
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
        loadBalancerSourceRanges: ['203.0.113.0/24', ''],
        healthCheckNodePort: 30_081,
        trafficDistribution: 'PreferSameZone',
        topologyKeys: ['kubernetes.io/hostname', '*'],
      },
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.2', ipMode: 'Proxy' }, {}] } },
    };
    expect(projectService(raw)).toMatchObject({
      ports: [{ port: 80, nodePort: 30_080 }],
      ingress: [{ ip: '203.0.113.2', hostname: '', ipMode: 'Proxy' }],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      affinitySeconds: 60,
      sourceRanges: ['203.0.113.0/24'],
      healthCheckNodePort: 30_081,
      trafficDistribution: 'PreferSameZone',
      topologyKeys: ['kubernetes.io/hostname', '*'],
      proxyName: 'other',
    });
  });

  it('lets a client stay for three hours where the time is not given or not allowed', () => {
    const seconds = (sessionAffinityConfig: unknown) =>
      projectService({ metadata, spec: { sessionAffinity: 'ClientIP', sessionAffinityConfig } })?.affinitySeconds;
    const time = (timeoutSeconds: unknown) => seconds({ clientIP: { timeoutSeconds } });
    expect([seconds(undefined), time(0), time(86_401), time('9')]).toEqual([10_800, 10_800, 10_800, 10_800]);
    expect([time(1), time(86_400)]).toEqual([1, 86_400]);
    const none = { sessionAffinity: 'None', sessionAffinityConfig: { clientIP: { timeoutSeconds: 9 } } };
    expect(projectService({ metadata, spec: none })?.affinitySeconds).toBe(0);
  });

  it('takes clusterIP where an older server has no clusterIPs', () => {
    expect(projectService({ metadata, spec: { clusterIP: 'None' } })?.clusterIPs).toEqual(['None']);
    expect(projectService({ metadata, spec: { clusterIPs: [], clusterIP: '10.96.0.7' } })?.clusterIPs).toEqual([
      '10.96.0.7',
    ]);
  });

  it('shares one list of ports between Services that have the same, and only those', () => {
    const ports = (name: string) => projectService({ metadata, spec: { ports: [{ name, port: 80 }] } })?.ports;
    expect(ports('http')).toBe(ports('http'));
    expect(ports('http')).not.toBe(ports('https'));
    const withNodePort = projectService({ metadata, spec: { ports: [{ name: 'http', port: 80, nodePort: 30_080 }] } });
    expect(withNodePort?.ports).not.toBe(ports('http'));
    const slice = projectEndpointSlice({ metadata, ports: [{ name: 'http', port: 80 }] });
    expect(slice?.ports).not.toBe(ports('http'));
  });

  it('gives null without a name, and defaults for fields of the wrong shape', () => {
    for (const raw of [null, 3, 'x', [], {}, { metadata: 1 }, { metadata: { name: 5 } }]) {
      expect(projectService(raw)).toBeNull();
      expect(projectEndpointSlice(raw)).toBeNull();
      expect(projectNamespace(raw)).toBeNull();
      expect(projectPod(raw)).toBeNull();
      expect(projectNode(raw)).toBeNull();
      expect(projectServiceCidr(raw)).toBeNull();
    }
    const spec = { type: 'Odd', clusterIPs: [1, null], ports: [{ port: 'http' }, 7], externalIPs: 'x', selector: [] };
    expect(projectService({ metadata: { name: 'web' }, spec, status: { loadBalancer: [] } })).toEqual({
      kind: 'Service',
      namespace: 'default',
      name: 'web',
      resourceVersion: '',
      type: 'ClusterIP',
      clusterIPs: [],
      externalName: '',
      ports: [],
      externalIPs: [],
      ingress: [],
      isSelectorless: true,
      ...PLAIN_POLICIES,
    });
  });
});

describe('projectEndpointSlice', () => {
  it('keeps endpoints with their state, host name, target, node, zone and hints', () => {
    const raw = {
      metadata: {
        ...metadata,
        labels: { 'kubernetes.io/service-name': 'web', 'service.kubernetes.io/headless': '' },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-02T03:04:05.678901234Z' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }, {}],
      endpoints: [
        {
          addresses: ['10.244.0.1'],
          conditions: { ready: false, serving: false, terminating: true },
          hints: { forZones: [{ name: 'z1' }, { name: 'z2' }], forNodes: [{ name: 'n1' }] },
          hostname: 'web-0',
          targetRef: { kind: 'Pod', name: 'web-0' },
          nodeName: 'n1',
          zone: 'z1',
        },
        { addresses: ['10.244.0.2', '10.244.0.3'], targetRef: { name: 'x'.repeat(64) } },
      ],
    };
    expect(projectEndpointSlice(raw)).toEqual({
      kind: 'EndpointSlice',
      namespace: 'shop',
      name: 'web',
      resourceVersion: '7',
      serviceName: 'web',
      isHeadless: true,
      addressType: 'IPv4',
      ports: [
        { name: 'http', protocol: 'tcp', port: 8080 },
        { name: '', protocol: 'tcp', port: null },
      ],
      endpoints: [
        {
          addresses: ['10.244.0.1'],
          isReady: false,
          isServing: false,
          isTerminating: true,
          hostname: 'web-0',
          targetName: 'web-0',
          nodeName: 'n1',
          zone: 'z1',
          zoneHints: ['z1', 'z2'],
          nodeHints: ['n1'],
        },
        {
          addresses: ['10.244.0.2', '10.244.0.3'],
          isReady: true,
          isServing: true,
          isTerminating: false,
          hostname: '',
          targetName: '',
          nodeName: '',
          zone: '',
          zoneHints: [],
          nodeHints: [],
        },
      ],
      lastChangeTriggerMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    });
  });

  it('takes an endpoint of unknown readiness as ready, and null for what is not given', () => {
    const slice = projectEndpointSlice({
      metadata,
      addressType: 'odd',
      endpoints: [{ addresses: ['fd00::1'], conditions: { ready: null } }, 'x'],
      ports: null,
    });
    expect(slice?.addressType).toBe('IPv6');
    expect(slice?.endpoints.map((endpoint) => endpoint.isReady)).toEqual([true, true]);
    expect(slice?.ports).toEqual([]);
    expect(slice?.serviceName).toBe('');
    expect(slice?.lastChangeTriggerMs).toBeNull();
  });
});

describe('projectNamespace', () => {
  it('keeps the labels that are texts, whatever they are called', () => {
    const labels = JSON.parse('{"__proto__":"a","team":"b","n":1}') as unknown;
    const namespace = projectNamespace({ metadata: { name: 'shop', namespace: 'odd', labels } });
    expect(namespace?.namespace).toBe('');
    expect(Object.entries(namespace?.labels ?? {})).toEqual([
      ['__proto__', 'a'],
      ['team', 'b'],
    ]);
  });
});

describe('projectPod', () => {
  it('keeps the address as stored, and says when the Pod is on its way out', () => {
    const pod = projectPod({ metadata, status: { podIP: 'fd00:244::4' } });
    expect(pod).toMatchObject({ kind: 'Pod', ip: 'fd00:244::4', isTerminating: false, labels: {} });
    const leaving = projectPod({ metadata: { ...metadata, deletionTimestamp: '2026-01-02T03:04:05Z' }, status: {} });
    expect(leaving).toMatchObject({ ip: '', isTerminating: true });
  });
});

describe('projectNode', () => {
  it('keeps labels, addresses and ranges of Pods, and says when the node is going', () => {
    const addresses = [
      { type: 'InternalIP', address: '192.168.0.1' },
      { type: 'Hostname', address: 'n1' },
    ];
    const raw = {
      metadata: { name: 'n1', namespace: 'odd', resourceVersion: '3', labels: { 'topology.kubernetes.io/zone': 'z1' } },
      spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] },
      status: { addresses },
    };
    const node = projectNode(raw);
    expect(node).toMatchObject({ kind: 'Node', namespace: '', name: 'n1', resourceVersion: '3', isLeaving: false });
    expect(node).toMatchObject({ addresses, podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] });
    expect({ ...node?.labels }).toEqual({ 'topology.kubernetes.io/zone': 'z1' });
    const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }];
    expect(projectNode({ ...raw, spec: { podCIDR: '10.244.1.0/24', taints } })).toMatchObject({
      podCIDRs: ['10.244.1.0/24'],
      isLeaving: true,
    });
    const metadata = { ...raw.metadata, deletionTimestamp: '2026-01-02T03:04:05Z' };
    expect(projectNode({ ...raw, metadata })?.isLeaving).toBe(true);
  });
});

describe('projectServiceCidr', () => {
  it('keeps the ranges', () => {
    const cidr = { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/12', 'fd00:10:96::/112', 7] } };
    expect(projectServiceCidr(cidr)).toEqual({
      ...{ kind: 'ServiceCIDR', namespace: '', name: 'kubernetes', resourceVersion: '' },
      cidrs: ['10.96.0.0/12', 'fd00:10:96::/112'],
    });
  });
});
