import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { FakeApiServer, type FakeObject, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { FakeClock } from '#test/fake-clock.ts';
import { until } from '#test/until.ts';
import { NameWatch, type NameWatchOptions } from './name-watch.ts';

const meta = (name: string, labels: Readonly<Record<string, string>> = {}) => ({ name, namespace: 'shop', labels });
const service = (name: string, clusterIP: string, changed: Readonly<Record<string, unknown>> = {}): FakeObject => ({
  metadata: meta(name),
  spec: { clusterIP, ports: [{ port: 80 }], ...changed },
});
const slice = (name: string, owner: string, addresses: readonly string[]): FakeObject => ({
  metadata: meta(name, { 'kubernetes.io/service-name': owner, 'service.kubernetes.io/headless': '' }),
  addressType: 'IPv4',
  endpoints: addresses.map((address) => ({ addresses: [address] })),
});

describe('NameWatch', () => {
  let api: FakeApiServer;
  let clock: FakeClock;
  let watch: NameWatch | null = null;
  const told: string[] = [];

  const start = async (endpoints: NameWatchOptions['endpoints'] = 'headless'): Promise<void> => {
    const keys: string[] = [];
    const slotOf = (key: string): number => (keys.includes(key) ? keys.indexOf(key) : keys.push(key) - 1);
    const log = new Log({ write: () => undefined, flush: async () => undefined });
    watch = new NameWatch({
      connection: { kind: 'endpoint', url: api.url },
      endpoints,
      slotOf,
      log,
      metrics: new Metrics(),
      userAgent: 'test',
      random: () => 0,
      clock,
    });
    watch.start({
      changed: (_, slots) => void told.push(slots.map((slot) => keys[slot]).join(' ')),
      synced: (kind) => void told.push(`synced ${kind}`),
    });
    const kinds = endpoints === 'none' ? 1 : 2;
    await until(() => told.length === kinds && api.watches.size === kinds, 'all is listed and watched');
    told.length = 0;
  };

  beforeEach(async () => {
    clock = new FakeClock();
    api = new FakeApiServer();
    await api.start();
  });
  afterEach(async () => {
    await watch?.stop();
    await api.stop();
    told.length = 0;
  });

  const tells = async (...lines: readonly string[]): Promise<void> => {
    await until(() => told.length >= lines.length, `${lines.join(', ')} in ${told.join(', ')}`);
    expect(told.splice(0)).toEqual(lines);
  };

  it('tells of names that come, change and go, with their addresses, and of nothing else', async () => {
    api.put(SERVICES, service('old', '10.96.0.1'));
    await start();
    api.put(SERVICES, service('web', '10.96.0.2'));
    await tells('svc/shop/web ip/10.96.0.2');
    api.put(SERVICES, { ...service('web', '10.96.0.2'), status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } } });
    api.put(SERVICES, service('web', '10.96.0.3'));
    await tells('svc/shop/web ip/10.96.0.2 ip/10.96.0.3');
    api.put(SERVICES, service('web', '10.96.0.3', { ports: [{ port: 81 }] }));
    await tells('svc/shop/web ip/10.96.0.3');
    api.put(SERVICES, service('web', '', { type: 'ExternalName', externalName: 'example.org', ports: [] }));
    await tells('svc/shop/web ip/10.96.0.3');
    api.put(SERVICES, service('none', 'None'));
    await tells('svc/shop/none');
    api.remove(SERVICES, 'shop', 'old');
    await tells('svc/shop/old ip/10.96.0.1');
  });

  it('tells of endpoints, under the name of their Service', async () => {
    await start();
    api.put(SLICES, slice('db-1', 'db', ['10.244.0.1', '10.244.0.2']));
    await tells('svc/shop/db ip/10.244.0.1 ip/10.244.0.2');
    api.put(SLICES, slice('db-1', 'db', ['10.244.0.2', '10.244.0.3']));
    await tells('svc/shop/db ip/10.244.0.1 ip/10.244.0.2 ip/10.244.0.3');
    api.put(SLICES, slice('db-1', 'other', ['10.244.0.2', '10.244.0.3']));
    await tells('svc/shop/db ip/10.244.0.2 ip/10.244.0.3 svc/shop/other');
    api.remove(SLICES, 'shop', 'db-1');
    await tells('svc/shop/other ip/10.244.0.2 ip/10.244.0.3');
  });

  it.each([
    ['headless', ['service.kubernetes.io/headless']],
    ['all', [null]],
    ['none', []],
  ] as const)('asks for %s EndpointSlices', async (endpoints, selectors) => {
    await start(endpoints);
    const asked = api.requests.filter(({ path }) => path === SLICES);
    expect([...new Set(asked.map(({ query }) => query.get('labelSelector')))]).toEqual(selectors);
  });

  it('tells after a watch that was lost what changed meanwhile, and only that', async () => {
    api.put(SERVICES, service('same', '10.96.0.1'));
    api.put(SERVICES, service('gone', '10.96.0.2'));
    await start();
    api.put(SERVICES, service('new', '10.96.0.3'), true);
    api.remove(SERVICES, 'shop', 'gone', true);
    api.send(
      SERVICES,
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`,
    );
    await until(() => {
      clock.wake();
      return told.length >= 2;
    }, 'both are told');
    expect(told.toSorted()).toEqual(['svc/shop/gone ip/10.96.0.2', 'svc/shop/new ip/10.96.0.3']);
  });
});
