import { expect, it } from 'vitest';
import { type Bench, type BenchOptions, type Manifest, startBench } from './bench.ts';

/** A Namespace. */
export const namespace = (name: string): Manifest => ({ kind: 'Namespace', metadata: { name } });

/** A Service with one port `http`, unless `spec` says otherwise. */
export const service = (name: string, spec: Readonly<Record<string, unknown>>, at = 'shop'): Manifest => ({
  kind: 'Service',
  metadata: { name, namespace: at },
  spec: { ports: [{ name: 'http', port: 80 }], ...spec },
});

/** An EndpointSlice of a Service in `shop`. */
export const slice = (
  name: string,
  of: string,
  endpoints: readonly Readonly<Record<string, unknown>>[],
  ports: readonly Readonly<Record<string, unknown>>[] = [{ name: 'http', port: 8080, protocol: 'TCP' }],
): Manifest => ({
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  ports,
  endpoints,
});

/** An ExternalName Service in `shop`. */
export const external = (name: string, externalName: string): Manifest =>
  service(name, { type: 'ExternalName', externalName, ports: [] });

/** A Pod in `shop`. */
export const pod = (name: string, podIP: string): Manifest => ({
  kind: 'Pod',
  metadata: { name, namespace: 'shop' },
  status: { podIP },
});

/** A little of everything. */
export const CLUSTER: readonly Manifest[] = [
  namespace('shop'),
  namespace('empty'),
  service('web', { clusterIPs: ['10.96.0.7', 'fd00:96::7'] }),
  service('multi', {
    clusterIPs: ['10.96.0.8'],
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ],
  }),
  service('portless', { clusterIPs: ['10.96.0.9'], ports: [] }),
  service('orphan', { clusterIPs: ['10.96.9.9'] }, 'gone'),
  slice('web-1', 'web', [{ addresses: ['10.244.0.9'], hostname: 'w0' }]),
  service('db', { clusterIP: 'None' }),
  slice('db-1', 'db', [
    { addresses: ['10.244.0.1'], hostname: 'db-0', targetRef: { name: 'pod-0' } },
    { addresses: ['10.244.0.2'], targetRef: { name: 'pod-1' } },
    { addresses: ['10.244.0.3'], conditions: { ready: false } },
  ]),
  slice('db-2', 'db', [{ addresses: ['fd00:244:5::'] }]),
  service('idle', { clusterIP: 'None' }),
  external('ext', 'Target.Example.test'),
  external('ext-ip', '192.0.2.1'),
  external('ext-in', 'web.shop.svc.cluster.local'),
  external('ext-two', 'ext-in.shop.svc.cluster.local.'),
  external('ext-none', 'none.shop.svc.cluster.local'),
  external('ext-self', 'ext-self.shop.svc.cluster.local'),
  external('ext-a', 'ext-b.shop.svc.cluster.local'),
  external('ext-b', 'ext-a.shop.svc.cluster.local'),
];

/** The plugin over `CLUSTER` and more objects. */
export const bench = (options: BenchOptions = {}, more: readonly Manifest[] = []): Promise<Bench> =>
  startBench([...CLUSTER, ...more], options);

/** Asks for a name within shop.svc.cluster.local and gives `RCODE` or the answer. */
export const ask = async (on: Bench, name: string, type: string): Promise<string[]> => {
  const reply = await on.query(name.endsWith('.') ? name : `${name}.shop.svc.cluster.local.`, type);
  expect(reply.flags).toBe('aa');
  if (reply.answer.length > 0) return [...reply.answer];
  expect(reply.authority).toHaveLength(1);
  expect(reply.authority[0]).toContain(' SOA ns.dns.');
  return [reply.rcode === 'NOERROR' ? 'NODATA' : reply.rcode];
};

/** One test a row: name, type, and the records or `NODATA`, `NXDOMAIN`. */
export const table = (rows: readonly (readonly [string, string, ...string[]])[], options: BenchOptions = {}) =>
  it.each(rows)('%s %s', async (name, type, ...expected) => {
    expect(await ask(await bench(options), name, type)).toEqual(expected);
  });

/** Where most Services of `CLUSTER` are. */
export const SHOP = 'shop.svc.cluster.local.';
