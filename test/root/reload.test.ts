import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { countersOf, total, wentBack } from './counters.ts';
import { type Known, SteadyLoad } from './steady-load.ts';

const SVC = 'svc.cluster.local.';
const a = (name: string, ...addresses: string[]): Known => ({
  name,
  type: 'A',
  rcode: 0,
  answer: addresses.map((address) => `${name} IN A ${address}`),
});
const QUESTIONS: readonly Known[] = [
  a(`hello-world.default.${SVC}`, '10.96.77.44'),
  a(`kubernetes.default.${SVC}`, '10.96.0.1'),
  a(`nginx.default.${SVC}`, '10.244.1.30', '10.244.1.31', '10.244.1.32', '10.244.1.33'),
  a(`web-2.nginx.default.${SVC}`, '10.244.1.32'),
  a('10-244-1-7.default.pod.cluster.local.', '10.244.1.7'),
  { name: `hello-world.default.${SVC}`, type: 'AAAA', rcode: 0, answer: [] },
  { name: `hello-world.default.${SVC.replace('svc', 'default.svc')}`, type: 'A', rcode: 3, answer: [] },
  {
    name: '44.77.96.10.in-addr.arpa.',
    type: 'PTR',
    rcode: 0,
    answer: [`44.77.96.10.in-addr.arpa. IN PTR hello-world.default.${SVC}`],
  },
  {
    name: `_https._tcp.multi-port.default.${SVC}`,
    type: 'SRV',
    rcode: 0,
    answer: [`_https._tcp.multi-port.default.${SVC} IN SRV 0 100 443 multi-port.default.${SVC}`],
  },
];

describe('a reload', () => {
  let directory: string;
  let endpoint: Endpoint;
  let second: Endpoint;
  let metricsPort: number;
  let server: ServerProcess | null = null;
  const loads: SteadyLoad[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-reload-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    second = { address: '127.0.0.1', port: await freePort() };
    metricsPort = await freePort();
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) load.close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const write = (text: string): void => writeFileSync(join(directory, 'Corefile'), text);
  /** The Corefile of this version: another cache, and on and off a second listener. */
  const corefile = (version: number, more = ''): string => `.:${endpoint.port} {
    bind 127.0.0.1
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 30
    }
    prometheus 127.0.0.1:${metricsPort}
    cache ${30 + (version % 3)}
    loadbalance
    ${more}
}
${version % 2 === 0 ? '' : `.:${second.port} {\n bind 127.0.0.1\n hosts {\n 192.0.2.${version} version.example.org\n}\n}`}
`;
  const start = async (text: string): Promise<ServerProcess> => {
    write(text);
    const args = ['-conf', join(directory, 'Corefile'), '-manifests', 'examples'];
    server = await startProcess(args);
    return server;
  };
  const startLoads = async (): Promise<readonly [SteadyLoad, SteadyLoad]> => {
    const pair = [await SteadyLoad.udp(endpoint, QUESTIONS), await SteadyLoad.tcp(endpoint, QUESTIONS)] as const;
    for (const load of pair) loads.push(load.start());
    return pair;
  };
  const scrape = async () => countersOf(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text());
  const versionServed = async (): Promise<string> => {
    const { answer } = await ask(second, 'version.example.org', 'A', { transport: 'tcp' });
    return answer.length === 1 ? 'new' : 'none';
  };

  it('loses no query of a steady load over UDP and TCP, twenty times and through broken Corefiles', async () => {
    const running = await start(corefile(0));
    const pair = await startLoads();
    const moved = async (count: number): Promise<void> => {
      const targets = pair.map((load) => load.answered + count);
      await until(() => pair.every((load, i) => load.answered >= (targets[i] ?? 0)), `${count} more replies`);
    };
    await moved(500);
    let before = await scrape();
    for (let version = 1; version <= 20; version++) {
      if (version % 5 === 0) {
        write(`${corefile(version)}\nbroken {\n bogus\n}\n`);
        running.signal('SIGUSR1');
        await running.saw('[ERROR] Restart failed: ', version / 5);
        await moved(100);
      }
      write(corefile(version));
      running.signal('SIGUSR1');
      await running.saw('[INFO] Reloading complete', version);
      await moved(200);
      if (version % 2 === 1) expect(await versionServed()).toBe('new');
      else await expect(versionServed()).rejects.toThrow('ECONNREFUSED');
      const after = await scrape();
      expect(wentBack(before, after)).toEqual([]);
      before = after;
    }
    for (const load of pair) load.pause();
    await until(() => pair.every(({ outstanding }) => outstanding === 0), 'every query has its reply');
    for (const { sent, answered, faults } of pair) expect([answered, [...faults]]).toEqual([sent, []]);
    const counters = await scrape();
    const requests = (proto: string) =>
      total(
        counters,
        'coredns_dns_requests_total',
        new RegExp(`${endpoint.port}.*proto="${proto}"|proto="${proto}".*${endpoint.port}`),
      );
    expect([requests('udp'), requests('tcp')]).toEqual(pair.map(({ sent }) => sent));
    expect(total(counters, 'coredns_panics_total')).toBe(0);
    expect(running.stderr).toBe('');
  });

  it('keeps nothing of the configurations before', async () => {
    const running = await start(corefile(0));
    let reloads = 0;
    const reload = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) {
        write(corefile(++reloads));
        running.signal('SIGUSR1');
        await running.saw('[INFO] Reloading complete', reloads);
        for (const { name, type } of QUESTIONS) await ask(endpoint, name, type);
      }
    };
    await reload(100);
    const before = running.residentMiB();
    await reload(100);
    const after = running.residentMiB();
    console.log(`resident after 100 reloads: ${before.toFixed(1)} MiB, after 200: ${after.toFixed(1)} MiB`);
    expect(after - before).toBeLessThan(25);
  });

  it('comes by itself when the Corefile changes, and not from a broken one', async () => {
    const running = await start(corefile(0, 'reload 2s 1s'));
    await running.saw('[INFO] plugin/reload: Running configuration SHA512 = ');
    const pair = await startLoads();
    write(`${corefile(2, 'reload 2s 1s')}\nbroken {\n bogus\n}\n`);
    await running.saw("Unknown directive 'bogus'");
    const failed = await scrape();
    expect(running.lines.some((line) => line === '[INFO] Reloading complete')).toBe(false);
    write(corefile(1, 'reload 2s 1s'));
    await running.saw('[INFO] Reloading complete');
    await running.saw('[INFO] plugin/reload: Running configuration SHA512 = ', 2);
    expect(await versionServed()).toBe('new');
    expect(wentBack(failed, await scrape())).toEqual([]);
    for (const load of pair) load.pause();
    await until(() => pair.every(({ outstanding }) => outstanding === 0), 'every query has its reply');
    for (const { sent, answered, faults } of pair) expect([answered, [...faults]]).toEqual([sent, []]);
  });
});
