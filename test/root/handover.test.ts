import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import type { Endpoint } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { Account, healthPolls, KeptConnection, type Load, newConnections } from './handover-load.ts';
import { type Known, SteadyLoad } from './steady-load.ts';

const SVC = 'svc.cluster.local.';
const REMEMBERED = `hello-world.default.${SVC}`;
const MISSED = 'who.example.net.';
const FORWARDED = 'a.slow.test.';
const QUESTIONS: readonly (readonly Known[])[] = [
  [{ name: REMEMBERED, type: 'A', rcode: 0, answer: [`${REMEMBERED} IN A 10.96.77.44`] }],
  [{ name: MISSED, type: 'A', rcode: 0, answer: [] }],
  [{ name: FORWARDED, type: 'A', rcode: 0, answer: [`${FORWARDED} IN A 192.0.2.1`] }],
];
const UPSTREAM_MS = 100;
const HANDOVERS = 5;
/** Both serve for as long, under load. */
const TOGETHER_MS = 200;

describe('a server that another instance takes over from', () => {
  let directory: string;
  let endpoint: Endpoint;
  let healthUrl: string;
  let upstream: FakeUpstream;
  const servers: ServerProcess[] = [];
  const udp: SteadyLoad[] = [];
  const loads: Load[] = [];
  let account: Account;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-handover-'));
    account = new Account();
    upstream = await FakeUpstream.open((asked) => {
      setTimeout(() => asked.reply({ answer: recordsFromText('@ 300 IN A 192.0.2.1', {}) }), UPSTREAM_MS);
    });
  });
  afterEach(async () => {
    for (const load of udp.splice(0)) load.close();
    await Promise.allSettled(loads.splice(0).map((load) => load.stop()));
    for (const server of servers.splice(0)) {
      if (server.exitCode === null) server.signal('SIGKILL');
      await server.exited;
    }
    await upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const configure = async (host: string, address: string): Promise<void> => {
    endpoint = { address, port: await freePort() };
    const healthPort = await freePort();
    healthUrl = `http://127.0.0.1:${healthPort}/health`;
    const block = (zone: string, plugins: string): string =>
      `${zone}:${endpoint.port} {\n    ${host === '' ? '' : `bind ${host}`}\n    ${plugins}\n}\n`;
    writeFileSync(
      join(directory, 'Corefile'),
      block(
        '.',
        `multisocket 2\n    health 127.0.0.1:${healthPort}\n    prometheus 127.0.0.1:${await freePort()}\n    cache 30\n    kubernetes cluster.local`,
      ) +
        block('example.net', 'whoami') +
        block('slow.test', `forward . ${upstream.address}`),
    );
  };
  const start = async (listener: string, flags: readonly string[] = ['-reuse-port']): Promise<ServerProcess> => {
    const corefile = join(directory, 'Corefile');
    const server = await startProcess([
      ...['-conf', corefile, '-manifests', 'examples', '-udp-listener', listener],
      ...flags,
    ]);
    servers.push(server);
    return server;
  };
  const startLoads = async (): Promise<void> => {
    // From several ports, which the kernel spreads over sockets; and little, as a server that does not get the CPU drops what it can't answer in time.
    for (const questions of QUESTIONS)
      for (let n = 0; n < 4; n++) udp.push(await SteadyLoad.udp(endpoint, questions, 20));
    for (const load of udp) load.start();
    for (const name of [REMEMBERED, MISSED, FORWARDED])
      loads.push(newConnections(endpoint, name, 1, account), new KeptConnection(endpoint, name, account));
    loads.push(healthPolls(healthUrl, 1, false, account), healthPolls(healthUrl, 1, true, account));
    await until(() => udp.every(({ answered }) => answered > 20) && account.answered > 200, 'replies to all');
  };
  const endLoads = async (): Promise<void> => {
    for (const load of udp) load.pause();
    await Promise.all(loads.splice(0).map((load) => load.stop()));
    // What is lost is lost: who asks steadily has no reply missing.
    await until(() => udp.every(({ outstanding }) => outstanding === 0), 'replies over UDP').catch(() => undefined);
  };
  const total = (what: 'sent' | 'outstanding'): number => udp.reduce((sum, load) => sum + load[what], 0);
  const expectNothingLost = (title: string): void => {
    console.log(
      `${title}: UDP ${total('sent')} asked, ${udp.map(({ outstanding }) => outstanding)} lost; TCP and HTTP ${account.asked} asked, ` +
        `${account.askedAgain} asked again after the end of a kept connection; faults: ${account.faults.join(', ') || 'none'}`,
    );
    expect(udp.flatMap(({ faults }) => [...faults])).toEqual([]);
    expect(total('outstanding')).toBe(0);
    expect(account.faults).toEqual([]);
    expect(account.answered).toBe(account.asked);
  };

  it.each([
    ['batch', '127.0.0.1', '127.0.0.1'],
    ['dgram', '127.0.0.1', '127.0.0.1'],
    ['batch', '', '127.0.0.1'],
  ])('by %s on "%s", five times in a row: loses no query and no connection', async (listener, host, address) => {
    await configure(host, address);
    let old = await start(listener);
    await startLoads();
    for (let n = 0; n < HANDOVERS; n++) {
      const next = await start(listener);
      await delay(TOGETHER_MS);
      old.signal('SIGTERM');
      expect(await old.exited).toBe(0);
      expect(old.stderr).toBe('');
      old = next;
    }
    await endLoads();
    expectNothingLost(`${listener} ${host}`);
  });

  it('goes on alone where the other one is killed', async () => {
    await configure('127.0.0.1', '127.0.0.1');
    const old = await start('batch');
    const next = await start('batch');
    next.signal('SIGKILL');
    await next.exited;
    await startLoads();
    await endLoads();
    expectNothingLost('killed');
    // Alone again, it ends as ever: nobody is left to lead clients to.
    old.signal('SIGTERM');
    expect(await old.exited).toBe(0);
  });

  it('does not wait for one that hangs', async () => {
    await configure('127.0.0.1', '127.0.0.1');
    const old = await start('batch');
    const next = await start('batch');
    next.signal('SIGSTOP');
    old.signal('SIGTERM');
    expect(await old.exited).toBe(0);
    next.signal('SIGCONT');
    await startLoads();
    await endLoads();
    expectNothingLost('hung');
  });

  it('refuses a port that is not shared, either way', async () => {
    await configure('127.0.0.1', '127.0.0.1');
    const words = `127.0.0.1:${endpoint.port}: bind: address already in use`;
    const alone = await start('auto', []);
    await expect(start('auto')).rejects.toThrow(words);
    await alone.stop();
    await start('auto');
    await expect(start('auto', [])).rejects.toThrow(words);
  });
});
