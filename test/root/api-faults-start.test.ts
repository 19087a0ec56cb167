import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RCODE } from '#dns/registry/rcodes.ts';
import { Authority } from '#test/fault-proxy/certificates.ts';
import { FaultProxy } from '#test/fault-proxy/fault-proxy.ts';
import { freePort, PROGRAM } from '#test/process.ts';
import { until } from '#test/until.ts';
import { AskedServer, CA_FILE, TOKEN_FILE, writeKubeconfig } from './api-faults/asked-server.ts';
import { namespace, service, together } from './cluster-objects.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = 'a start with no API server';
const { reason, testbed } = await needTestbed(TITLE, ['kubectl', 'etcd', 'openssl']);

/** Something at the API server's address that is none; gives what takes it away. */
type Absence = (port: number, other: Authority) => Promise<() => Promise<void>>;

const nothing: Absence = async () => async () => undefined;

/** The kernel accepts, and nobody reads. */
const silence: Absence = async (port) => {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
};

const anotherCertificate: Absence = async (port, other) => {
  const proxy = new FaultProxy({ upstream: testbed.http, tls: await other.issue() });
  proxy.port = port;
  await proxy.start();
  return () => proxy.stop();
};

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let folder: string;
  let proxy: FaultProxy;
  let authority: Authority;
  let asked: AskedServer | null = null;

  beforeAll(async () => {
    await testbed.apply(together(namespace('known'), service('web', '10.96.7.1', 'known')));
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cluster-dns-api-start-'));
    authority = await Authority.make(folder, 'first');
    proxy = new FaultProxy({ upstream: testbed.http, tls: await authority.issue() });
    proxy.port = await freePort();
    proxy.token = 'token';
    copyFileSync(authority.file, join(folder, CA_FILE));
    writeFileSync(join(folder, TOKEN_FILE), 'token');
  });
  afterEach(async () => {
    await asked?.stop();
    await proxy.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  afterAll(async () => {
    await testbed.stop();
  });

  it.each<[string, Absence, RegExp | null]>([
    ['nothing listens', nothing, /failed to list \w+: connect ECONNREFUSED/],
    ['what listens says nothing', silence, null],
    ['TLS fails', anotherCertificate, /failed to list \w+: .*certificate/],
  ])('says SERVFAIL, never NXDOMAIN, and is not ready, until there is one: %s', async (_, absence, says) => {
    const end = await absence(proxy.port, await Authority.make(folder, 'other'));
    asked = await AskedServer.start(writeKubeconfig(folder, proxy.url), PROGRAM);
    if (says !== null) await asked.process.saw(says);
    for (const name of ['web.known.svc', 'nobody.known.svc', 'a.nowhere.svc', 'nowhere', '1-2-3-4.known.pod']) {
      const { rcode, answer } = await asked.query(`${name}.cluster.local`);
      expect([name, rcode, answer]).toEqual([name, RCODE.SERVFAIL, []]);
    }
    const { rcode } = await asked.query('1.7.96.10.in-addr.arpa', 'PTR');
    expect(rcode).toBe(RCODE.SERVFAIL);
    expect(await asked.ready()).toBe('503 kubernetes');
    const stale = await asked.staleSeconds();
    expect(Object.keys(stale).sort()).toEqual(['EndpointSlice', 'Namespace', 'Service']);
    for (const seconds of Object.values(stale)) expect(seconds).toBeGreaterThan(0);

    await end();
    await proxy.start();
    const running = asked;
    await until(async () => (await running.ready()) === '200 OK', 'ready', 40_000);
    expect(await asked.addresses('web.known.svc.cluster.local')).toBe('10.96.7.1');
    expect((await asked.query('nobody.known.svc.cluster.local')).rcode).toBe(RCODE.NXDOMAIN);
    expect((await asked.query('1.7.96.10.in-addr.arpa', 'PTR')).answer).toHaveLength(1);
    await until(() => proxy.watches() === 3, 'three watches');
    await until(async () => Object.values(await running.staleSeconds()).every((seconds) => seconds === 0), 'in step');
  });
});
