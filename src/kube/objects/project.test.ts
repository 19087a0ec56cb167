import { describe, expect, it } from 'vitest';
import { projectEndpointSlice } from './endpoint-slice.ts';
import { projectNamespace } from './namespace.ts';
import { projectPod } from './pod.ts';
import { projectService } from './service.ts';

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
        { name: 'http', protocol: 'tcp', port: 80 },
        { name: '', protocol: 'udp', port: 53 },
      ],
      externalIPs: ['203.0.113.1', '203.0.113.2', 'lb.example.com'],
      isSelectorless: false,
    });
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
    const slice = projectEndpointSlice({ metadata, ports: [{ name: 'http', port: 80 }] });
    expect(slice?.ports).not.toBe(ports('http'));
  });

  it('gives null without a name, and defaults for fields of the wrong shape', () => {
    for (const raw of [null, 3, 'x', [], {}, { metadata: 1 }, { metadata: { name: 5 } }]) {
      expect(projectService(raw)).toBeNull();
      expect(projectEndpointSlice(raw)).toBeNull();
      expect(projectNamespace(raw)).toBeNull();
      expect(projectPod(raw)).toBeNull();
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
      isSelectorless: true,
    });
  });
});

describe('projectEndpointSlice', () => {
  it('keeps endpoints with their readiness, host name, target, node and zone', () => {
    const raw = {
      metadata: {
        ...metadata,
        labels: { 'kubernetes.io/service-name': 'web' },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-02T03:04:05.678901234Z' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }, {}],
      endpoints: [
        {
          addresses: ['10.244.0.1'],
          conditions: { ready: false },
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
      addressType: 'IPv4',
      ports: [
        { name: 'http', protocol: 'tcp', port: 8080 },
        { name: '', protocol: 'tcp', port: null },
      ],
      endpoints: [
        {
          addresses: ['10.244.0.1'],
          isReady: false,
          hostname: 'web-0',
          targetName: 'web-0',
          nodeName: 'n1',
          zone: 'z1',
        },
        {
          addresses: ['10.244.0.2', '10.244.0.3'],
          isReady: true,
          hostname: '',
          targetName: '',
          nodeName: '',
          zone: '',
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
