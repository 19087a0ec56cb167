import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import { ask, type Endpoint, encodeQuery, framed, TcpClient } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { bigServiceDirectory } from './big-service.ts';
import { countersOf } from './counters.ts';

const MIB = 1024 * 1024;
const A_CLIENT = 128;
const BIG = 'big.default.svc.cluster.local.';
const RELEASED = recordsFromText('. 300 IN A 192.0.2.1', {});

describe('a server under hostile TCP clients', () => {
  let directory: string;
  let endpoint: Endpoint;
  let metricsPort: number;
  let upstream: FakeUpstream;
  let server: ServerProcess;
  /** Queries to the upstream wait in here. */
  const waiting: (() => void)[] = [];
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    directory = bigServiceDirectory(1000);
    upstream = await FakeUpstream.open((asked) => {
      waiting.push(() => asked.reply({ answer: RELEASED }));
    });
    endpoint = { address: '127.0.0.1', port: await freePort() };
    metricsPort = await freePort();
    server = await startProcess(['-conf', 'stdin', '-manifests', directory], {
      stdin: `.:${endpoint.port} {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:${metricsPort}
    kubernetes cluster.local
    forward . ${upstream.address}
    cache 30
}
`,
    });
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    await server?.stop();
    await upstream?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const open = async (from?: string): Promise<TcpClient> => {
    const client = await TcpClient.open(endpoint, from);
    sockets.add(client.socket);
    return client;
  };
  /** A connection of which nothing is read, with an error for nobody. */
  const openSocket = (from?: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const source = from === undefined ? {} : { localAddress: from };
      const socket = connect({ host: endpoint.address, port: endpoint.port, ...source });
      sockets.add(socket);
      socket.on('error', reject);
      socket.on('connect', () => {
        socket.off('error', reject).on('error', () => undefined);
        resolve(socket);
      });
      socket.on('close', () => sockets.delete(socket));
    });
  const metric = async (series: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    const gauge = new RegExp(`^cluster_dns_tcp_${series} (\\S+)$`, 'm').exec(text)?.[1];
    return Number(gauge ?? countersOf(text).get(`cluster_dns_tcp_${series}`));
  };
  const closed = (reason: string): Promise<number> => metric(`closed_total{reason="${reason}"}`);
  const empty = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await until(async () => (await metric('connections')) === 0);
  };
  const expectAnswering = async (): Promise<void> => {
    for (const transport of ['udp', 'tcp'] as const)
      expect((await ask(endpoint, `10-244-8-7.${BIG}`, 'A', { transport })).answer).toHaveLength(1);
  };
  const idOf = async (client: TcpClient): Promise<number | undefined> => (await client.next())?.readUInt16BE(0);

  it('gives one client 128 connections, at the cost of its own', async () => {
    const query = framed(encodeQuery('nobody.default.svc.cluster.local.', 'A', { id: 5 }));
    const askingOpen = async (from: string): Promise<TcpClient> => {
      const client = await open(from);
      client.socket.write(query);
      expect(await idOf(client)).toBe(5);
      return client;
    };
    const neighbour = await askingOpen('127.0.1.2');
    const own: TcpClient[] = [];
    while (own.length < A_CLIENT) own.push(await askingOpen('127.0.1.1'));
    const last = await open('127.0.1.1');
    expect(await own[0]?.next()).toBeNull();
    for (const each of [neighbour, ...own.slice(1), last]) each.socket.write(query);
    for (const each of [neighbour, ...own.slice(1), last]) expect(await idOf(each)).toBe(5);
    expect(await closed('client_limit')).toBe(1);
    await empty();
  });

  it('closes whoever sends an octet a second, in the time for one query', async () => {
    const before = await closed('slow');
    const client = await open();
    const from = performance.now();
    const dripping = setInterval(() => client.socket.write(Buffer.of(0)), 1000);
    client.socket.write(Buffer.of(0xff));
    expect(await client.next()).toBeNull();
    clearInterval(dripping);
    // 3 s, and at most half a second until it is looked at; were the time to begin anew with each octet, it would not end.
    console.log(`closed after ${((performance.now() - from) / 1000).toFixed(1)} s`);
    expect(await closed('slow')).toBe(before + 1);
  });

  it('answers a cached name before a slow one that was asked first', async () => {
    await expectAnswering();
    const client = await open();
    client.send(encodeQuery('slow.example.org.', 'A', { id: 1 }));
    await until(() => waiting.length === 1);
    client.send(encodeQuery(`10-244-8-7.${BIG}`, 'A', { id: 2 }));
    expect(await idOf(client)).toBe(2);
    waiting.splice(0)[0]?.();
    expect(await idOf(client)).toBe(1);
    await empty();
  });

  it('still answers a slow name when the client has ended its side, and closes then', async () => {
    const client = await open();
    client.socket.end(framed(encodeQuery('ended.example.org.', 'A', { id: 1 })));
    await until(() => waiting.length === 1);
    waiting.splice(0)[0]?.();
    expect([await idOf(client), await client.next()]).toEqual([1, null]);
    const silent = await open();
    silent.socket.end();
    expect(await silent.next()).toBeNull();
  });

  it('goes on where 255 slow queries and one that is answered at once come over one connection', async () => {
    const client = await open();
    for (let id = 0; id < 255; id++) client.send(encodeQuery(`slow-${id}.example.org.`, 'A', { id }));
    await until(() => waiting.length === 255);
    client.send(encodeQuery('nobody.default.svc.cluster.local.', 'A', { id: 1000 }));
    expect(await idOf(client)).toBe(1000);
    for (const release of waiting.splice(0)) release();
    const ids = new Set<number | undefined>();
    for (let n = 0; n < 255; n++) ids.add(await idOf(client));
    expect(ids.size).toBe(255);
    await expectAnswering();
    await empty();
  });

  it('bounds the memory for clients that never read large replies', async () => {
    const before = server.residentMiB();
    const burst = Buffer.concat(Array.from({ length: 500 }, (_, id) => framed(encodeQuery(BIG, 'A', { id }))));
    const unread = await Promise.all(Array.from({ length: 40 }, (_, n) => openSocket(`127.0.3.${1 + (n % 20)}`)));
    for (const socket of unread) {
      socket.pause();
      socket.write(burst);
    }
    await until(async () => (await metric('buffered_bytes')) > MIB);
    await expectAnswering();
    expect(await metric('buffered_bytes')).toBeLessThan(64 * MIB);
    // 500 replies of 16 KiB to each of 40 are 320 MiB.
    expect(server.residentMiB() - before).toBeLessThan(200);
    await until(async () => (await metric('connections')) === 0, 'all are given up', 60_000);
    expect(await closed('unread')).toBe(unread.length);
    expect(await metric('buffered_bytes')).toBe(0);
    await empty();
  });

  it('survives thousands of connections that are closed or reset at once', async () => {
    const accepted = await metric('accepted_total');
    const query = framed(encodeQuery(BIG, 'A', { id: 5 }));
    for (let n = 0; n < 1500; n += 50) {
      const batch = await Promise.all(Array.from({ length: 50 }, () => openSocket()));
      for (const [i, socket] of batch.entries()) {
        if (i % 5 === 1) socket.write(query);
        if (i % 5 === 2) socket.write(query.subarray(0, 7));
        if (i % 2 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
    }
    await until(async () => (await metric('connections')) === 0);
    expect(await metric('accepted_total')).toBeLessThanOrEqual(accepted + 1500);
    await expectAnswering();
  });

  it('answers each query among garbage on one connection', async () => {
    const client = await open();
    const garbage = [Buffer.alloc(1), Buffer.alloc(11, 0xff), Buffer.alloc(12, 0xff), Buffer.alloc(3000, 0x80)];
    for (let id = 0; id < 500; id++) {
      client.send(garbage[id % garbage.length] as Buffer);
      client.send(encodeQuery('nobody.default.svc.cluster.local.', 'A', { id }));
    }
    for (let id = 0; id < 500; id++) expect(await idOf(client)).toBe(id);
    await empty();
  });

  it('has not panicked, restarted anything, or filled its log', async () => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(text).toMatch(/^coredns_panics_total 0$/m);
    expect([server.stderr, server.exitCode]).toEqual(['', null]);
    expect(server.lines.length).toBeLessThan(50);
    expect([await metric('connections'), await metric('queries_in_flight')]).toEqual([0, 0]);
  });
});
