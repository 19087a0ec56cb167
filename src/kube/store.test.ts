import { beforeEach, describe, expect, it } from 'vitest';
import { endpointOf as endpoint, nodeOf, portOf, serviceOf as service, sliceOf as slice } from '#test/kube-objects.ts';
import type { Pod } from './objects/pod.ts';
import type { Kind, KubeObject } from './source.ts';
import { ClusterStore } from './store.ts';

const pod = (ip: string, changed: Partial<Pod> = {}): Pod => ({
  kind: 'Pod',
  namespace: 'shop',
  name: 'web-0',
  resourceVersion: '1',
  ip,
  isTerminating: false,
  labels: {},
  ...changed,
});

const namespace = (name: string, labels = {}): KubeObject => ({
  kind: 'Namespace',
  namespace: '',
  name,
  resourceVersion: '1',
  labels,
});

let now = 100;
let store: ClusterStore;
const set = (object: KubeObject): string[] => [...store.apply({ type: 'set', object })].sort();
const remove = (kind: Kind, name: string, at = 'shop'): string[] =>
  [...store.apply({ type: 'delete', kind, namespace: at, name })].sort();

beforeEach(() => {
  now = 100;
  store = new ClusterStore(() => now);
});

describe('Services', () => {
  it('finds a Service by name and by each of its cluster IPs', () => {
    set(service({ clusterIPs: ['10.96.0.7', 'fd00::7'] }));
    expect(store.service('shop', 'web')?.service?.name).toBe('web');
    expect(store.servicesAt('fd00::7').map(({ name }) => name)).toEqual(['web']);
    expect(store.service('other', 'web')).toBeUndefined();
    expect(store.service('shop', 'constructor')).toBeUndefined();
  });

  it('touches its subtree of names and its reverse names when it comes and when it goes', () => {
    expect(set(service())).toEqual(['ip/10.96.0.7', 'svc/shop/web']);
    expect(remove('Service', 'web')).toEqual(['ip/10.96.0.7', 'svc/shop/web']);
    expect(store.service('shop', 'web')).toBeUndefined();
    expect(store.servicesAt('10.96.0.7')).toEqual([]);
  });

  it('touches the old and the new reverse name when its address moves, and keeps the rest', () => {
    set(service({ clusterIPs: ['10.96.0.7', 'fd00::7'] }));
    expect(set(service({ clusterIPs: ['10.96.0.8', 'fd00::7'] }))).toEqual([
      'ip/10.96.0.7',
      'ip/10.96.0.8',
      'svc/shop/web',
    ]);
    expect(store.servicesAt('10.96.0.7')).toEqual([]);
    expect(store.servicesAt('10.96.0.8')).toHaveLength(1);
    expect(store.servicesAt('fd00::7')).toHaveLength(1);
    expect(store.service('shop', 'web')?.addresses.map(({ text }) => text)).toEqual(['10.96.0.8', 'fd00::7']);
  });

  it('touches nothing when only fields that give no records change, or nothing does', () => {
    set(service());
    now = 200;
    expect(set(service({ resourceVersion: '2' }))).toEqual([]);
    expect(set(service({ resourceVersion: '3', externalIPs: ['203.0.113.1'] }))).toEqual([]);
    const ports = [portOf(80, { name: 'http', nodePort: 30_080 })];
    expect(set(service({ resourceVersion: '4', ports, externalTrafficPolicy: 'Local', affinitySeconds: 9 }))).toEqual(
      [],
    );
    expect(store.modifiedAt).toBe(100);
    expect(store.service('shop', 'web')?.service?.resourceVersion).toBe('4');
  });

  it('has no reverse name for a headless one', () => {
    expect(set(service({ clusterIPs: ['None'] }))).toEqual(['svc/shop/web']);
    expect(store.servicesAt('None')).toEqual([]);
    expect(store.service('shop', 'web')?.isHeadless).toBe(true);
  });

  it('keeps two Services that claim one address, in the order in which they came', () => {
    set(service());
    set(service({ name: 'api' }));
    expect(store.servicesAt('10.96.0.7').map(({ name }) => name)).toEqual(['web', 'api']);
    remove('Service', 'web');
    expect(store.servicesAt('10.96.0.7').map(({ name }) => name)).toEqual(['api']);
  });

  it('takes an IPv4-mapped address as an IPv4 address', () => {
    set(service({ clusterIPs: ['::ffff:10.96.0.7', 'pending'] }));
    expect(store.service('shop', 'web')?.addresses.map(({ octets }) => octets && [...octets])).toEqual([
      [10, 96, 0, 7],
      null,
    ]);
  });
});

describe('EndpointSlices', () => {
  it('belongs to a Service by label, before that Service is there and after it has gone', () => {
    set(slice([endpoint('10.244.0.1')]));
    expect(store.service('shop', 'web')?.service).toBeNull();
    set(service());
    remove('Service', 'web');
    expect(store.service('shop', 'web')?.slices[0]?.addresses.map(({ text }) => text)).toEqual(['10.244.0.1']);
    remove('EndpointSlice', 'web-1');
    expect(store.service('shop', 'web')).toBeUndefined();
  });

  it('counts ready endpoints only', () => {
    expect(set(slice([endpoint('10.244.0.1', { isReady: false })]))).toEqual(['svc/shop/web']);
    expect(store.slicesAt('10.244.0.1')).toEqual([]);
    expect(store.service('shop', 'web')?.hasReadyAddress).toBe(false);
    expect(set(slice([endpoint('10.244.0.1')]))).toEqual(['ip/10.244.0.1', 'svc/shop/web']);
    expect(store.slicesAt('10.244.0.1')).toHaveLength(1);
    expect(store.service('shop', 'web')?.hasReadyAddress).toBe(true);
  });

  it('touches the reverse name of an address that a slice names several times when one of its host names goes', () => {
    set(slice([endpoint('10.244.0.1', { hostname: 'a' }), endpoint('10.244.0.1', { hostname: 'b' })]));
    expect(set(slice([endpoint('10.244.0.1', { hostname: 'b' })]))).toEqual(['ip/10.244.0.1', 'svc/shop/web']);
  });

  it('touches only the reverse names of endpoints that changed', () => {
    set(slice([endpoint('10.244.0.1'), endpoint('10.244.0.2'), endpoint('10.244.0.3')]));
    expect(
      set(slice([endpoint('10.244.0.1'), endpoint('10.244.0.2', { hostname: 'b' }), endpoint('10.244.0.4')])),
    ).toEqual(['ip/10.244.0.2', 'ip/10.244.0.3', 'ip/10.244.0.4', 'svc/shop/web']);
    expect(store.slicesAt('10.244.0.3')).toEqual([]);
    expect(store.slicesAt('10.244.0.4')).toHaveLength(1);
  });

  it('touches nothing for a change of node, zone, hints or of an endpoint that is not ready', () => {
    set(slice([endpoint('10.244.0.1')]));
    const placed = endpoint('10.244.0.1', { nodeName: 'n', zone: 'z', zoneHints: ['z'], isTerminating: true });
    expect(set(slice([placed, endpoint('10.244.0.2', { isReady: false })]))).toEqual([]);
  });

  it('touches the names when the ports or the order of addresses change', () => {
    set(slice([endpoint('10.244.0.1'), endpoint('10.244.0.2')]));
    expect(set(slice([endpoint('10.244.0.2'), endpoint('10.244.0.1')]))).toEqual(['svc/shop/web']);
    const ports = [{ name: 'http', protocol: 'tcp', port: 80 }];
    expect(set(slice([endpoint('10.244.0.2'), endpoint('10.244.0.1')], { ports }))).toEqual(['svc/shop/web']);
  });

  it('moves to another Service with its label, and touches both', () => {
    set(slice([endpoint('10.244.0.1')]));
    expect(set(slice([endpoint('10.244.0.1')], { serviceName: 'api' }))).toContain('svc/shop/web');
    expect(store.service('shop', 'web')).toBeUndefined();
    expect(store.slicesAt('10.244.0.1').map(({ owner }) => owner.name)).toEqual(['api']);
    expect(set(slice([endpoint('10.244.0.1')], { serviceName: '' }))).toEqual(['ip/10.244.0.1', 'svc/shop/api']);
    expect(store.slicesAt('10.244.0.1')).toEqual([]);
  });
});

describe('Pods and Namespaces', () => {
  it('finds Pods by address within their Namespace', () => {
    expect(set(pod('10.244.0.1'))).toContain('pod/shop/10.244.0.1');
    set(pod('10.244.0.1', { name: 'on-host-network' }));
    expect(store.podCountAt('shop', '10.244.0.1')).toBe(2);
    expect(store.podCountAt('other', '10.244.0.1')).toBe(0);
    expect(set(pod('10.244.0.2'))).toEqual(['pod/shop/10.244.0.1', 'pod/shop/10.244.0.2']);
    expect(store.podCountAt('shop', '10.244.0.1')).toBe(1);
    expect(set(pod('10.244.0.2', { labels: { a: 'b' } }))).toEqual([]);
    expect(remove('Pod', 'web-0')).toEqual(['pod/shop/10.244.0.2']);
  });

  it('leaves a terminating Pod as it was until it is gone', () => {
    set(pod('10.244.0.1'));
    expect(set(pod('', { isTerminating: true }))).toEqual([]);
    expect(store.podCountAt('shop', '10.244.0.1')).toBe(1);
    remove('Pod', 'web-0');
    expect(set(pod('10.244.0.1', { isTerminating: true }))).toEqual([]);
    expect(store.podCountAt('shop', '10.244.0.1')).toBe(0);
  });

  it('touches a Namespace only when it comes or goes, and takes the serial from the rest alone', () => {
    expect(set(namespace('shop'))).toEqual(['ns/shop']);
    expect(set(namespace('shop', { a: 'b' }))).toEqual([]);
    expect(store.hasNamespace('shop')).toBe(true);
    expect(store.modifiedAt).toBe(0);
    set(service());
    expect(store.modifiedAt).toBe(100);
    expect(remove('Namespace', 'shop', '')).toEqual(['ns/shop']);
    expect(store.hasNamespace('shop')).toBe(false);
    expect(store.service('shop', 'web')).toBeDefined();
  });

  it('knows nothing of Nodes and ServiceCIDRs', () => {
    expect(set(nodeOf('n1'))).toEqual([]);
    const cidr = { kind: 'ServiceCIDR', namespace: '', name: 'kubernetes', resourceVersion: '1', cidrs: [] } as const;
    expect(set(cidr)).toEqual([]);
    expect(remove('Node', 'n1', '')).toEqual([]);
    expect(store.modifiedAt).toBe(0);
  });

  it('takes a delete of what it never saw as no change', () => {
    for (const kind of ['Service', 'EndpointSlice', 'Namespace', 'Pod'] as const) expect(remove(kind, 'x')).toEqual([]);
    set(namespace('shop'));
    for (const kind of ['Service', 'EndpointSlice', 'Pod'] as const) expect(remove(kind, 'x')).toEqual([]);
    expect(store.modifiedAt).toBe(0);
  });
});
