import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '#test/dns-client.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { countersOf, total, wentBack } from './counters.ts';
import { type Known, SteadyLoad } from './steady-load.ts';

const SVC = 'svc.cluster.local.';
const QUESTIONS: readonly Known[] = [
  {
    name: `hello-world.default.${SVC}`,
    type: 'A',
    rcode: 0,
    answer: [`hello-world.default.${SVC} IN A 10.96.77.44`],
  },
  { name: `hello-world.default.${SVC}`, type: 'AAAA', rcode: 0, answer: [] },
  { name: `nobody.default.${SVC}`, type: 'A', rcode: 3, answer: [] },
  // Of `hosts` without a cache, and of a plugin that forbids remembering.
  { name: 'host.example.org.', type: 'A', rcode: 0, answer: ['host.example.org. IN A 192.0.2.1'] },
  { name: 'who.example.net.', type: 'A', rcode: 0, answer: [] },
];
/** Numbers of listener threads; 0: without the plugin. */
const THREADS = [3, 2, 4, 1, 2, 2, 0, 4, 3, 1, 4, 2, 3, 0, 3, 1, 3, 4, 2, 1];

describe('a reload that changes the number of listener threads', () => {
  let directory: string;
  let endpoint: Endpoint;
  let metricsPort: number;
  let server: ServerProcess | null = null;
  const loads: SteadyLoad[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-threads-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    metricsPort = await freePort();
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) load.close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The Corefile with so many threads, and another cache each time. */
  const write = (threads: number, version: number): void =>
    writeFileSync(
      join(directory, 'Corefile'),
      `.:${endpoint.port} {
    bind 127.0.0.1
    ${threads > 0 ? `multisocket ${threads}` : ''}
    prometheus 127.0.0.1:${metricsPort}
    cache ${30 + (version % 3)}
    kubernetes cluster.local
    loadbalance
}
example.org:${endpoint.port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    hosts {
        192.0.2.1 host.example.org
    }
}
example.net:${endpoint.port} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metricsPort}
    whoami
}
`,
    );
  const scrape = async (): Promise<{ counters: Map<string, number>; threads: number }> => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    return { counters: countersOf(text), threads: Number(/^cluster_dns_udp_threads (\d+)$/m.exec(text)?.[1]) };
  };

  it('loses no query of a steady load, twenty times, and no counter goes back', async () => {
    write(0, 0);
    const args = ['-conf', join(directory, 'Corefile'), '-manifests', 'examples', '-udp-listener', 'batch'];
    server = await startProcess(args);
    // From three ports, which the kernel spreads over the threads.
    for (let n = 0; n < 3; n++) loads.push((await SteadyLoad.udp(endpoint, QUESTIONS)).start());
    const moved = async (count: number): Promise<void> => {
      const targets = loads.map((load) => load.answered + count);
      await until(() => loads.every((load, i) => load.answered >= (targets[i] ?? 0)), `${count} more replies`);
    };
    await moved(300);
    let before = await scrape();
    const usual = before.threads;
    for (const [i, threads] of THREADS.entries()) {
      write(threads, i + 1);
      server.signal('SIGUSR1');
      await server.saw('[INFO] Reloading complete', i + 1);
      await moved(200);
      const after = await scrape();
      expect([i, after.threads]).toEqual([i, threads === 0 ? usual : threads]);
      expect(wentBack(before.counters, after.counters)).toEqual([]);
      before = after;
    }
    for (const load of loads) load.pause();
    await until(() => loads.every(({ outstanding }) => outstanding === 0), 'every query has its reply');
    for (const { sent, answered, faults } of loads) expect([answered, [...faults]]).toEqual([sent, []]);
    const sent = loads.reduce((sum, load) => sum + load.sent, 0);
    const { counters } = await scrape();
    const ours = (name: string): number => total(counters, `cluster_dns_udp_${name}`);
    expect(total(counters, 'coredns_dns_requests_total', /proto="udp"/)).toBe(sent);
    expect(ours('received_total')).toBe(sent);
    expect(ours('remembered_total') + ours('handed_over_total')).toBe(sent);
    expect(ours('remembered_total')).toBeGreaterThan(sent / 4);
    expect([ours('dropped_total'), ours('send_failures_total')]).toEqual([0, 0]);
    expect(server.stderr).toBe('');
  });
});
