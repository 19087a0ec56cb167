import { describe, expect, it } from 'vitest';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectService } from '#kube/objects/service.ts';
import type { KubeObject } from '#kube/source.ts';
import { ClusterModel } from './cluster-model.ts';

const model = (): ClusterModel => new ClusterModel({ nodeName: 'here', families: ['IPv4'] });

const service = (name: string, spec: Readonly<Record<string, unknown>>, ingress: readonly unknown[] = []): KubeObject =>
  projectService({
    metadata: { name },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
    status: { loadBalancer: { ingress } },
  }) as KubeObject;

const slice = (owner: string): KubeObject =>
  projectEndpointSlice({
    metadata: { name: `${owner}-1`, labels: { 'kubernetes.io/service-name': owner } },
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ['10.180.0.1'] }],
  }) as KubeObject;

const set = (to: ClusterModel, ...objects: readonly KubeObject[]): void => {
  for (const object of objects) to.apply({ type: 'set', object });
};
const remove = (from: ClusterModel, name: string): void =>
  from.apply({ type: 'delete', kind: 'Service', namespace: 'default', name });

describe('an entry that two Services ask for', () => {
  it('goes to the first by name, whoever came first, and to the other when that one goes', () => {
    const cluster = model();
    set(cluster, service('b', { clusterIP: '172.30.0.2', externalIPs: ['192.0.2.1'] }));
    expect(cluster.take('IPv4').ports.get('default/b/tcp')?.externalIPs).toEqual(['192.0.2.1']);

    set(cluster, service('a', { clusterIP: '172.30.0.1', externalIPs: ['192.0.2.1'] }));
    const taken = cluster.take('IPv4');
    expect([...taken.changed].sort()).toEqual(['default/a/tcp', 'default/b/tcp']);
    expect(taken.ports.get('default/a/tcp')?.externalIPs).toEqual(['192.0.2.1']);
    expect(taken.ports.get('default/b/tcp')?.externalIPs).toEqual([]);
    expect(taken.conflicts).toEqual([
      '192.0.2.1:80/tcp of default/b/tcp is held by default/a/tcp, so that entry is left out',
    ]);

    remove(cluster, 'a');
    const after = cluster.take('IPv4');
    expect([...after.changed].sort()).toEqual(['default/a/tcp', 'default/b/tcp']);
    expect(after.ports.get('default/b/tcp')?.externalIPs).toEqual(['192.0.2.1']);
    expect(after.conflicts).toEqual([]);
  });

  it('is told once, as long as it stays so', () => {
    const cluster = model();
    set(cluster, service('a', { clusterIP: '172.30.0.1', externalIPs: ['192.0.2.1'] }));
    set(cluster, service('b', { clusterIP: '172.30.0.2', externalIPs: ['192.0.2.1'] }));
    expect(cluster.take('IPv4').conflicts).toHaveLength(1);
    set(cluster, slice('b'), service('b', { clusterIP: '172.30.0.2', externalIPs: ['192.0.2.1', '192.0.2.2'] }));
    expect(cluster.take('IPv4').conflicts).toEqual([]);
  });

  it('takes the whole port out where it is the ClusterIP', () => {
    const cluster = model();
    set(
      cluster,
      service('a', { clusterIP: '172.30.0.1' }),
      service('b', { clusterIP: '172.30.0.1', externalIPs: ['192.0.2.1'] }),
    );
    const { ports, conflicts } = cluster.take('IPv4');
    expect([...ports.keys()]).toEqual(['default/a/tcp']);
    expect(conflicts).toEqual([
      '172.30.0.1:80/tcp of default/b/tcp is held by default/a/tcp, so that port is left out',
    ]);
  });

  it('may be a ClusterIP here and an externalIP there', () => {
    const cluster = model();
    set(
      cluster,
      service('a', { clusterIP: '172.30.0.1', externalIPs: ['172.30.0.2'] }),
      service('b', { clusterIP: '172.30.0.2' }),
    );
    expect([...cluster.take('IPv4').ports.keys()]).toEqual(['default/a/tcp']);
  });

  it('may be a node port', () => {
    const cluster = model();
    const withNodePort = { ports: [{ port: 80, nodePort: 30080 }] };
    set(
      cluster,
      service('a', { clusterIP: '172.30.0.1', ...withNodePort }),
      service('b', { clusterIP: '172.30.0.2', ...withNodePort }),
    );
    const { ports, conflicts } = cluster.take('IPv4');
    expect([...ports.values()].map(({ nodePort }) => nodePort).sort()).toEqual([0, 30080]);
    expect(conflicts).toEqual([
      'node port 30080/tcp of default/b/tcp is held by default/a/tcp, so that entry is left out',
    ]);
  });

  it('leaves a port that lost all it had outside as one that never had it', () => {
    const cluster = model();
    const outside = { externalTrafficPolicy: 'Local', loadBalancerSourceRanges: ['203.0.113.0/24'] };
    set(cluster, service('a', { clusterIP: '172.30.0.1', ...outside }, [{ ip: '198.51.100.1' }]));
    set(cluster, service('b', { clusterIP: '172.30.0.2', ...outside }, [{ ip: '198.51.100.1' }]), slice('b'));
    expect(cluster.take('IPv4').ports.get('default/b/tcp')).toMatchObject({
      loadBalancerIPs: [],
      sourceRanges: [],
      externalPolicy: 'Cluster',
      external: 'reject',
      internal: 'balance',
      localEndpoints: [],
    });
  });

  it('is no conflict within a Service: a ClusterIP, a load balancer, an externalIP, in this order', () => {
    const cluster = model();
    const externalIPs = ['172.30.0.1', '198.51.100.1', '192.0.2.1'];
    set(
      cluster,
      service('a', { clusterIP: '172.30.0.1', externalIPs }, [{ ip: '198.51.100.1' }, { ip: '172.30.0.1' }]),
    );
    const { ports, conflicts } = cluster.take('IPv4');
    expect(ports.get('default/a/tcp')).toMatchObject({ loadBalancerIPs: ['198.51.100.1'], externalIPs: ['192.0.2.1'] });
    expect(conflicts).toEqual([]);
  });

  it('may be another port of the same Service, which is then left out', () => {
    const cluster = model();
    const ports = [
      { name: 'http', port: 80 },
      { name: 'again', port: 80 },
      { name: 'dns', port: 80, protocol: 'UDP' },
    ];
    set(cluster, service('a', { clusterIP: '172.30.0.1', ports }));
    expect([...cluster.take('IPv4').ports.keys()].sort()).toEqual(['default/a:again/tcp', 'default/a:dns/udp']);
  });
});
