import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { FakeApiServer, NAMESPACES, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { startServer, type TestServer } from '#test/server.ts';
import { until } from '#test/until.ts';

const corefile = (ttl: number, url: string): string => `. {
  kubernetes cluster.local in-addr.arpa {
    endpoint ${url}
    ttl ${ttl}
  }
  cache 3600
}`;

let api: FakeApiServer;
let server: TestServer;

/** Everything a query is answered with: RCODE and RDATA. */
const ask = async (name: string, type = 'A', transport: 'udp' | 'tcp' = 'udp'): Promise<string> => {
  const message = await server.query(name, type, { transport });
  const records = message.answer.map((record) => recordToText(record).split(' ').slice(4).join(' '));
  return [rcodeName(message.rcode), ...records].join(' ');
};

/** Asks until the cache, and the answer memory behind either transport, have the answer. */
const remember = async (name: string, expected: string, type = 'A'): Promise<void> => {
  for (const transport of ['udp', 'udp', 'udp', 'tcp', 'tcp', 'tcp'] as const)
    expect(await ask(name, type, transport)).toBe(expected);
};

/** Resolves when the server's cluster data has (or has no more) a Service; what is answered then is looked at once. */
const answered = async (name: string, expected: string, type = 'A'): Promise<void> => {
  let last = '';
  let isAsking = false;
  await until(() => {
    if (!isAsking) {
      isAsking = true;
      void ask(name, type).then((text) => {
        last = text;
        isAsking = false;
      });
    }
    return last === expected;
  }, `${name} ${type}: ${expected}`);
  expect(await ask(name, type, 'tcp')).toBe(expected);
};

const service = (name: string, spec: object) => ({ metadata: { name, namespace: 'shop' }, spec });

beforeEach(async () => {
  api = new FakeApiServer();
  await api.start();
  api.put(NAMESPACES, { metadata: { name: 'shop' } });
  api.put(SERVICES, service('old', { clusterIP: '10.96.0.1' }));
  api.put(SERVICES, service('alias', { type: 'ExternalName', externalName: 'old.shop.svc.cluster.local' }));
  server = await startServer({ corefile: corefile(3600, api.url) });
  await until(() => api.watchesOf(SERVICES).length === 1 && api.watchesOf(SLICES).length === 1);
});

afterEach(async () => {
  await server.stop();
  await api.stop();
});

describe('a change seen on the watch, with an hour of cache in front', () => {
  it('makes a Service resolve whose name was NXDOMAIN a moment ago', async () => {
    await remember('new.shop.svc.cluster.local', 'NXDOMAIN');
    await remember('5.0.96.10.in-addr.arpa', 'NXDOMAIN', 'PTR');
    api.put(SERVICES, service('new', { clusterIP: '10.96.0.5' }));
    await answered('new.shop.svc.cluster.local', 'NOERROR 10.96.0.5');
    expect(await ask('5.0.96.10.in-addr.arpa', 'PTR')).toBe('NOERROR new.shop.svc.cluster.local.');
  });

  it('moves every name that leads to a Service to its new address', async () => {
    const alias = 'NOERROR old.shop.svc.cluster.local.';
    await remember('old.shop.svc.cluster.local', 'NOERROR 10.96.0.1');
    await remember('alias.shop.svc.cluster.local', `${alias} 10.96.0.1`);
    await remember('1.0.96.10.in-addr.arpa', 'NOERROR old.shop.svc.cluster.local.', 'PTR');
    api.put(SERVICES, service('old', { clusterIP: '10.96.0.2' }));
    await answered('old.shop.svc.cluster.local', 'NOERROR 10.96.0.2');
    expect(await ask('alias.shop.svc.cluster.local')).toBe(`${alias} 10.96.0.2`);
    expect(await ask('1.0.96.10.in-addr.arpa', 'PTR')).toBe('NXDOMAIN');
    expect(await ask('2.0.96.10.in-addr.arpa', 'PTR')).toBe('NOERROR old.shop.svc.cluster.local.');
  });

  it('takes the names of a Namespace away with it', async () => {
    await remember('old.shop.svc.cluster.local', 'NOERROR 10.96.0.1');
    api.remove(NAMESPACES, '', 'shop');
    await answered('old.shop.svc.cluster.local', 'NXDOMAIN');
  });

  it('follows the endpoints of a headless Service', async () => {
    api.put(SERVICES, service('db', { clusterIP: 'None' }));
    await remember('db.shop.svc.cluster.local', 'NXDOMAIN');
    const slice = (addresses: string[]) => ({
      metadata: { name: 'db-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    });
    api.put(SLICES, slice(['10.244.0.1']));
    await answered('db.shop.svc.cluster.local', 'NOERROR 10.244.0.1');
    await remember('db.shop.svc.cluster.local', 'NOERROR 10.244.0.1');
    api.put(SLICES, slice(['10.244.0.2']));
    await answered('db.shop.svc.cluster.local', 'NOERROR 10.244.0.2');
  });
});
