import { describe, expect, it } from 'vitest';
import type { ServicePort } from '#proxy/model/service-port.ts';
import { servicePortsOf as portsOf, servicePortOf } from '#test/service-ports.ts';
import { serviceChanges } from './service-changes.ts';

const web = servicePortOf('shop/web:http', '10.96.0.7', {
  external: 'reject',
  clusterEndpoints: [{ address: '10.244.1.5', port: 8080, isLocal: true }],
  localReadyCount: 1,
});

describe('changes of Services', () => {
  it('are none where nothing differs', () => {
    expect(serviceChanges(portsOf(web), portsOf({ ...web }))).toEqual([]);
  });

  it('tell what comes and what goes, in the order of keys', () => {
    const old = { ...web, key: 'shop/old/tcp', clusterEndpoints: [] };
    expect(serviceChanges(portsOf(web), portsOf(old))).toEqual([
      { key: 'shop/old/tcp', kind: 'new', lines: ['+ cluster IP 10.96.0.7:80'] },
      {
        key: 'shop/web:http/tcp',
        kind: 'gone',
        lines: ['- cluster IP 10.96.0.7:80', '- endpoint 10.244.1.5:8080 on this node'],
      },
    ]);
  });

  it('tell endpoints, entries and policies one by one', () => {
    const changed: ServicePort = {
      ...web,
      externalIPs: ['80.11.12.10'],
      nodePort: 30_000,
      sourceRanges: ['192.0.2.0/24'],
      affinitySeconds: 600,
      externalPolicy: 'Local',
      external: 'drop',
      clusterEndpoints: [{ address: '10.244.2.9', port: 8080, isLocal: false }],
    };
    expect(serviceChanges(portsOf(web), portsOf(changed))[0]).toEqual({
      key: 'shop/web:http/tcp',
      kind: 'changed',
      lines: [
        '~ external traffic policy: Cluster -> Local',
        '~ affinity: none -> client IP, 600 s',
        '~ traffic from outside: none -> dropped, as there is no endpoint on this node',
        '- endpoint 10.244.1.5:8080 on this node',
        '+ external IP 80.11.12.10:80',
        '+ node port 30000',
        '+ source range 192.0.2.0/24',
        '+ endpoint 10.244.2.9:8080',
      ],
    });
  });

  it('tell a Service that lost its last endpoint what becomes of its traffic', () => {
    const empty: ServicePort = { ...web, clusterEndpoints: [], hasEndpoints: false, internal: 'reject' };
    expect(serviceChanges(portsOf(web), portsOf(empty))[0]?.lines).toEqual([
      '~ traffic to the cluster IP: balanced over the endpoints -> rejected, as there is no endpoint',
      '- endpoint 10.244.1.5:8080 on this node',
    ]);
  });

  it('tell of an IPv6 place in brackets, and of what only a node port that fails a health check sees', () => {
    const six: ServicePort = {
      ...web,
      family: 'IPv6',
      clusterIP: 'fd00:10:96::7',
      healthCheckNodePort: 32_000,
      localEndpoints: [{ address: 'fd00:10:244::5', port: 8080, isLocal: true }],
      clusterEndpoints: [],
    };
    expect(serviceChanges(portsOf(), portsOf(six))[0]?.lines).toEqual([
      '+ cluster IP [fd00:10:96::7]:80',
      '+ health check node port 32000',
      '+ endpoint for policy Local [fd00:10:244::5]:8080 on this node',
    ]);
  });
});
