import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '#dns/decode.ts';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { FakeApiServer, SERVICES } from '#test/fake-api-server.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { skipped, titled } from './needs.ts';

/** Debian's libfaketime, for programs with several threads. */
const FAKETIME = ['x86_64', 'aarch64', 'riscv64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));
const TITLE = 'a wall clock that is set';
const reason = skipped(TITLE, FAKETIME === undefined ? 'faketime not installed' : '');

const HOUR = 3600;
/** Seconds beside the right time, one after the other: forward, back beyond the start, and right again. */
const JUMPS = [HOUR, -HOUR, 0];
const UPSTREAM_TTL = 300;
const service = (name: string, clusterIP: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { clusterIP, ports: [{ port: 80 }] },
});
const SHOP = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let directory: string;
  let endpoint: Endpoint;
  let metricsPort: number;
  let healthPort: number;
  let upstream: FakeUpstream;
  const api = new FakeApiServer();
  let server: ServerProcess | null = null;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-clock-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    metricsPort = await freePort();
    healthPort = await freePort();
    upstream = await FakeUpstream.open((asked) =>
      asked.reply({ answer: recordsFromText(`@ ${UPSTREAM_TTL} IN A 192.0.2.1`, {}) }),
    );
    await api.start();
    setClock(0);
  });
  afterEach(async () => {
    if (server?.exitCode === null) server.signal('SIGKILL');
    await server?.exited;
    server = null;
    await upstream.close();
    await api.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Sets the server's wall clock to so many seconds beside the right time; its monotonic clock goes on. */
  const setClock = (offset: number): void => {
    writeFileSync(join(directory, 'time.new'), `${offset < 0 ? '' : '+'}${offset}\n`);
    renameSync(join(directory, 'time.new'), join(directory, 'time'));
  };
  const corefile = (version: number, source: string): string => `.:${endpoint.port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    health 127.0.0.1:${healthPort}
    reload 2s 1s
    kubernetes cluster.local {
        ttl 30
        ${source}
    }
    hosts {
        192.0.2.${version} version.example.net
        fallthrough
    }
    cache ${UPSTREAM_TTL} shop.svc.cluster.local example.org
    forward . ${upstream.address} {
        health_check 500ms
    }
}
`;
  const write = (text: string): void => writeFileSync(join(directory, 'Corefile'), text);
  const start = async (listener: string, source: string, ...args: string[]): Promise<ServerProcess> => {
    write(corefile(1, source));
    server = await startProcess(['-conf', join(directory, 'Corefile'), '-udp-listener', listener, ...args], {
      env: {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: join(directory, 'time'),
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      },
    });
    return server;
  };
  /** The zone's serial, which follows the wall clock; its SOA is not cached here. */
  const serial = async (): Promise<number> => {
    const [soa] = (await ask(endpoint, 'cluster.local.', 'SOA')).answer;
    return Number(recordToText(soa as NonNullable<typeof soa>).split(' ')[6]);
  };
  const texts = ({ answer }: Message): string[] => answer.map((record) => recordToText(record));
  const addressesOf = async (name: string, transport: 'udp' | 'tcp' = 'udp'): Promise<string[]> =>
    texts(await ask(endpoint, name, 'A', { transport })).map((text) => text.split(' ').at(-1) ?? '');
  const ttlOf = async (name: string): Promise<number> => (await ask(endpoint, name, 'A')).answer[0]?.ttl ?? -1;
  const scrape = async (): Promise<string> => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();

  const sources: readonly (readonly [source: string, listener: string])[] = [
    ['manifests', 'batch'],
    ['manifests', 'dgram'],
    ['an API server', 'batch'],
  ];
  it.each(sources)('an hour forward and back changes no answer and no TTL: %s, by %s', async (source, listener) => {
    const manifests = join(directory, 'manifests');
    cpSync('examples', manifests, { recursive: true });
    writeFileSync(join(manifests, 'shop.json'), JSON.stringify(SHOP));
    const isApi = source === 'an API server';
    for (const object of [service('first', '10.96.9.1')]) api.put(SERVICES, object);
    api.put('/api/v1/namespaces', SHOP);
    /** Makes a Service known to the server, by a watch event or by a file. */
    const create = (name: string, address: string): void => {
      if (isApi) api.put(SERVICES, service(name, address));
      else
        writeFileSync(
          join(manifests, `${name}.json`),
          JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [service(name, address)] }),
        );
    };
    const option = isApi ? `endpoint ${api.url}` : '';
    const running = await start(listener, option, ...(isApi ? [] : ['-manifests', manifests]));
    if (!isApi) create('first', '10.96.9.1');
    await until(async () => (await addressesOf('first.shop.svc.cluster.local.')).length === 1, 'the first Service');
    await ask(endpoint, 'known.example.org.', 'A');
    const startedMs = performance.now();
    const askedUpstream = (): number => upstream.asked.filter(({ bytes }) => bytes.includes('known')).length;
    const listed = api.requests.length;
    let lastSerial = await serial();
    let reloads = 0;
    for (const [i, offset] of JUMPS.entries()) {
      setClock(offset);
      const fresh = `new-${i}`;
      const freshName = `${fresh}.shop.svc.cluster.local.`;
      // Remembered and cached ones have the age that really has passed.
      for (const transport of ['udp', 'tcp'] as const)
        expect(await addressesOf('first.shop.svc.cluster.local.', transport)).toEqual(['10.96.9.1']);
      expect(await ttlOf('known.example.org.')).toBeGreaterThanOrEqual(
        UPSTREAM_TTL - Math.ceil((performance.now() - startedMs) / 1000),
      );
      expect(await ttlOf('known.example.org.')).toBeLessThanOrEqual(UPSTREAM_TTL);
      expect(askedUpstream()).toBe(1);
      // New ones, which were remembered as missing.
      for (let n = 0; n < 3; n++) expect((await ask(endpoint, freshName, 'A')).rcode).toBe(3);
      create(fresh, `10.96.9.${10 + i}`);
      await until(async () => (await addressesOf(freshName)).length === 1, `${fresh} after a jump to ${offset} s`);
      expect(await ttlOf(`${fresh}.example.org.`)).toBe(UPSTREAM_TTL);
      // An hour forward with the first jump, which shows that the server saw it, and never back.
      const now = await serial();
      expect(now).toBeGreaterThanOrEqual(i === 0 ? lastSerial + HOUR : lastSerial);
      lastSerial = now;
      write(corefile(i + 2, option));
      await running.saw('[INFO] Reloading complete', ++reloads);
      expect(await addressesOf('version.example.net.')).toEqual([`192.0.2.${i + 2}`]);
      expect(await addressesOf('first.shop.svc.cluster.local.')).toEqual(['10.96.9.1']);
      // A new configuration has a cache of its own: asked again, this is the one query for it.
      await ask(endpoint, 'known.example.org.', 'A');
      upstream.asked.splice(1, upstream.asked.length);
    }
    expect((await fetch(`http://127.0.0.1:${healthPort}/health`)).status).toBe(200);
    expect(await scrape()).toMatch(/^coredns_health_request_failures_total 0$/m);
    expect(running.lines.filter((line) => /^\[(WARNING|ERROR)\]/.test(line))).toEqual([]);
    // The lists and the watches of the start are still those that serve.
    if (isApi) expect(api.requests.length).toBe(listed);
    expect(await running.stop()).toBe(0);
    expect(running.stderr).toBe('');
  });
});
