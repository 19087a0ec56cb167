import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import type { QueryOptions } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { startServer, type TestServer, UDP_LISTENERS, type UdpListener } from '#test/server.ts';
import { until } from '#test/until.ts';
import { rememberedOverUdp } from './counted.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
const clusterIp = (name: string, address: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'ClusterIP', clusterIP: address, clusterIPs: [address], ports: [{ port: 80 }] },
});
const externalName = (name: string, target: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { type: 'ExternalName', externalName: target },
});

interface Setting {
  readonly udp: UdpListener;
  readonly cache: string;
}

const start = async (objects: readonly unknown[], { udp, cache }: Setting, upstreamPort = 1): Promise<TestServer> => {
  const server = await startServer({
    udp,
    corefile: `. {
      errors
      kubernetes cluster.local in-addr.arpa {
        fallthrough in-addr.arpa
        ttl 30
      }
      forward . 127.0.0.1:${upstreamPort}
      ${cache}
      loadbalance
    }`,
    objects: [namespace, ...objects],
  });
  closing.push(() => server.stop());
  return server;
};

const change = (server: TestServer, objects: readonly unknown[]): void =>
  writeFileSync(
    join(server.manifests, 'objects.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [namespace, ...objects] }),
  );

const answers = async (server: TestServer, name: string, options: QueryOptions = {}): Promise<string> => {
  const { rcode, answer } = await server.query(`${name}.default.svc.cluster.local.`, 'A', options);
  return rcode === RCODE.NOERROR
    ? answer.map((record) => recordToText(record).split(' ').slice(3).join(' ')).join(', ')
    : String(rcode);
};

/** Asks over UDP until the reply came from memory, and each time gets what is expected. */
const remember = async (server: TestServer, name: string, expected: string): Promise<void> => {
  const before = await rememberedOverUdp(server);
  for (let i = 0; (await rememberedOverUdp(server)) === before; i++) {
    expect(i, `replies for ${name} that were not remembered`).toBeLessThan(20);
    expect(await answers(server, name)).toBe(expected);
  }
};

const SETTINGS: readonly Setting[] = UDP_LISTENERS.flatMap((udp) => [
  { udp, cache: 'cache 30' },
  { udp, cache: '' },
]);

describe.each(SETTINGS)('a change of the cluster, UDP by $udp, "$cache",', (setting) => {
  it('is seen right after the event by a name that was answered NXDOMAIN and remembered', async () => {
    const server = await start([], setting);
    await remember(server, 'late', String(RCODE.NXDOMAIN));
    change(server, [clusterIp('late', '10.96.0.50'), clusterIp('marker', '10.96.0.51')]);
    await until(async () => (await answers(server, 'marker', { transport: 'tcp' })) === 'A 10.96.0.51');
    expect(await answers(server, 'late')).toBe('A 10.96.0.50');
  });

  it('makes an address that was remembered disappear with its Service', async () => {
    const server = await start([clusterIp('gone', '10.96.0.50')], setting);
    await remember(server, 'gone', 'A 10.96.0.50');
    const reverse = () => server.query('50.0.96.10.in-addr.arpa.', 'PTR');
    expect((await reverse()).answer).toHaveLength(1);
    change(server, [clusterIp('marker', '10.96.0.51')]);
    await until(async () => (await answers(server, 'marker')) === 'A 10.96.0.51');
    expect(await answers(server, 'gone')).toBe(String(RCODE.NXDOMAIN));
    expect((await reverse()).answer).toHaveLength(0);
  });

  it('is never seen over TCP and then not over UDP', async () => {
    const server = await start([clusterIp('moving', '10.96.0.10')], setting);
    for (let round = 11; round < 31; round++) {
      await remember(server, 'moving', `A 10.96.0.${round - 1}`);
      change(server, [clusterIp('moving', `10.96.0.${round}`)]);
      await until(async () => (await answers(server, 'moving', { transport: 'tcp' })) === `A 10.96.0.${round}`);
      expect(await answers(server, 'moving')).toBe(`A 10.96.0.${round}`);
    }
  });

  it('outlives a reply of an ExternalName whose upstream answered only after it', async () => {
    const upstream = await FakeUpstream.open(() => undefined);
    closing.push(() => upstream.close());
    const server = await start([externalName('ext', 'slow.example.')], setting, upstream.port);
    const early = answers(server, 'ext');
    await until(() => upstream.asked.length > 0);
    change(server, [clusterIp('ext', '10.96.0.60'), clusterIp('marker', '10.96.0.61')]);
    await until(async () => (await answers(server, 'marker')) === 'A 10.96.0.61');
    for (const asked of upstream.asked)
      asked.reply({ answer: recordsFromText('slow.example. 300 IN A 192.0.2.1', {}) });
    expect(await early).toContain('CNAME slow.example.');
    await remember(server, 'ext', 'A 10.96.0.60');
  });
});

describe.each(UDP_LISTENERS)('a reload, UDP by %s,', (udp) => {
  it('is not followed by what the old configuration said', async () => {
    const corefile = (address: string): string => `. {
      hosts {
        ${address} web.default.svc.cluster.local
      }
      cache 30
    }`;
    const server = await startServer({ udp, corefile: corefile('192.0.2.0') });
    closing.push(() => server.stop());
    for (let round = 1; round < 6; round++) {
      await remember(server, 'web', `A 192.0.2.${round - 1}`);
      expect(await server.reload(corefile(`192.0.2.${round}`))).toBeNull();
      expect(await answers(server, 'web')).toBe(`A 192.0.2.${round}`);
    }
  });
});
