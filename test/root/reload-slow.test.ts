import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordsFromText } from '#dns/record-text.ts';
import type { Endpoint } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { type Known, SteadyLoad } from './steady-load.ts';

const a = (name: string): Known => ({ name, type: 'A', rcode: 0, answer: [`${name} IN A 192.0.2.1`] });
const FORWARDED: readonly Known[] = [a('a.slow.test.'), a('b.slow.test.'), a('c.slow.test.')];
const UPSTREAM_MS = 100;
const RELOADS = 20;

describe('a reload while upstreams are slow', () => {
  let directory: string;
  let endpoint: Endpoint;
  let second: Endpoint;
  let metricsPort: number;
  let upstream: FakeUpstream;
  let server: ServerProcess | null = null;
  const loads: SteadyLoad[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-slow-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    second = { address: '127.0.0.1', port: await freePort() };
    metricsPort = await freePort();
    upstream = await FakeUpstream.open((asked) => {
      setTimeout(() => asked.reply({ answer: recordsFromText('@ 300 IN A 192.0.2.1', {}) }), UPSTREAM_MS);
    });
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) load.close();
    await server?.stop();
    server = null;
    await upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const block = (port: number, threads: number): string => `.:${port} {
    bind 127.0.0.1
    multisocket ${threads}
    prometheus 127.0.0.1:${metricsPort}
    forward . ${upstream.address}
}
`;
  const write = (ports: readonly number[], threads = 2): void =>
    writeFileSync(join(directory, 'Corefile'), ports.map((port) => block(port, threads)).join(''));
  const start = async (listener: string): Promise<ServerProcess> => {
    write([endpoint.port]);
    server = await startProcess(['-conf', join(directory, 'Corefile'), '-udp-listener', listener]);
    return server;
  };
  const loadsTo = async (to: Endpoint): Promise<readonly SteadyLoad[]> => {
    const pair = [await SteadyLoad.udp(to, FORWARDED, 200), await SteadyLoad.tcp(to, FORWARDED, 200)];
    loads.push(...pair);
    return pair.map((load) => load.start());
  };
  const moved = async (watched: readonly SteadyLoad[], count: number): Promise<void> => {
    const targets = watched.map((load) => load.answered + count);
    await until(() => watched.every((load, i) => load.answered >= (targets[i] ?? 0)), `${count} more replies`);
  };

  it.each(['batch', 'dgram'])('by %s: loses no query, nor one to an address that it takes away', async (listener) => {
    const running = await start(listener);
    const steady = await loadsTo(endpoint);
    await moved(steady, 20);
    let leftBehind = 0;
    for (let reloads = 1; reloads <= RELOADS; reloads += 2) {
      write([endpoint.port, second.port]);
      running.signal('SIGUSR1');
      await running.saw('[INFO] Reloading complete', reloads);
      const passing = await loadsTo(second);
      await moved(passing, 5);
      // It asks no more, and what it has asked is on its way upstream.
      for (const load of passing) {
        load.expectEnd();
        load.pause();
      }
      const waiting = passing.reduce((sum, { outstanding }) => sum + outstanding, 0);
      leftBehind += waiting;
      write([endpoint.port]);
      running.signal('SIGUSR1');
      await running.saw('[INFO] Reloading complete', reloads + 1);
      await until(
        () => passing.every(({ outstanding }) => outstanding === 0),
        'a reply from the address that has gone',
      );
      for (const { faults } of passing) expect([...faults]).toEqual([]);
      await moved(steady, 5);
    }
    expect(leftBehind).toBeGreaterThan(RELOADS);
    for (const load of steady) load.pause();
    await until(() => steady.every(({ outstanding }) => outstanding === 0), 'every query has its reply');
    for (const { sent, answered, faults } of steady) expect([answered, [...faults]]).toEqual([sent, []]);
    console.log(`${listener}: ${leftBehind} queries were on their way when their address went`);
    expect(running.stderr).toBe('');
  });

  it('leaves the number of listener threads as it was where an address can not be had', async () => {
    const running = await start('batch');
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(second.port, '127.0.0.1', resolve));
    const threads = async (): Promise<number> =>
      Number(
        /^cluster_dns_udp_threads (\d+)$/m.exec(
          await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
        )?.[1],
      );
    const steady = await loadsTo(endpoint);
    expect(await threads()).toBe(2);
    for (const [i, wanted] of [4, 1].entries()) {
      write([endpoint.port, second.port], wanted);
      running.signal('SIGUSR1');
      await running.saw('[ERROR] Restart failed: Listen: listen tcp', i + 1);
      expect(await threads()).toBe(2);
    }
    await moved(steady, 20);
    await new Promise((resolve) => taken.close(resolve));
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete');
    expect(await threads()).toBe(1);
    for (const load of steady) load.pause();
    await until(() => steady.every(({ outstanding }) => outstanding === 0), 'every query has its reply');
    for (const { faults } of steady) expect([...faults]).toEqual([]);
  });
});
