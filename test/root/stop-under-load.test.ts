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
import { type Known, SteadyLoad } from './steady-load.ts';

const SVC = 'svc.cluster.local.';
const a = (name: string, address: string): Known => ({
  name,
  type: 'A',
  rcode: 0,
  answer: [`${name} IN A ${address}`],
});
/** What threads remember. */
const REMEMBERED: readonly Known[] = [
  a(`hello-world.default.${SVC}`, '10.96.77.44'),
  { name: `hello-world.default.${SVC}`, type: 'AAAA', rcode: 0, answer: [] },
  { name: `nobody.default.${SVC}`, type: 'A', rcode: 3, answer: [] },
];
/** What the main thread answers each time, at once. */
const MISSES: readonly Known[] = [{ name: 'who.example.net.', type: 'A', rcode: 0, answer: [] }];
/** What an upstream answers after a while. */
const FORWARDED: readonly Known[] = [a('a.slow.test.', '192.0.2.1'), a('b.slow.test.', '192.0.2.1')];
const UPSTREAM_MS = 300;
const LAMEDUCK_MS = 2000;
/** A timer of the server's may be early by as much; nobody asks within it. */
const TIMER_MS = 10;
/** What has arrived in this process is read by then. */
const NOTICE_MS = 25;

describe('a server that is told to end under load', () => {
  let directory: string;
  let endpoint: Endpoint;
  let healthPort: number;
  let readyPort: number;
  let upstream: FakeUpstream;
  let server: ServerProcess | null = null;
  const loads: SteadyLoad[] = [];
  let udp: SteadyLoad[] = [];
  let tcp: SteadyLoad[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-stop-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    healthPort = await freePort();
    readyPort = await freePort();
    upstream = await FakeUpstream.open((asked) => {
      setTimeout(() => asked.reply({ answer: recordsFromText('@ 300 IN A 192.0.2.1', {}) }), UPSTREAM_MS);
    });
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) load.close();
    if (server?.exitCode === null) server.signal('SIGKILL');
    await server?.exited;
    server = null;
    await upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (listener: string, threads: number): Promise<ServerProcess> => {
    writeFileSync(
      join(directory, 'Corefile'),
      `.:${endpoint.port} {
    bind 127.0.0.1
    multisocket ${threads}
    health 127.0.0.1:${healthPort} {
        lameduck ${LAMEDUCK_MS / 1000}s
    }
    ready 127.0.0.1:${readyPort}
    cache 30
    kubernetes cluster.local
}
example.net:${endpoint.port} {
    bind 127.0.0.1
    whoami
}
slow.test:${endpoint.port} {
    bind 127.0.0.1
    forward . ${upstream.address}
}
`,
    );
    const args = ['-conf', join(directory, 'Corefile'), '-manifests', 'examples', '-udp-listener', listener];
    return startProcess(args);
  };
  const startLoads = async (): Promise<void> => {
    udp = [];
    tcp = [];
    for (const questions of [REMEMBERED, MISSES, FORWARDED]) {
      // From several ports, which the kernel spreads over the threads.
      for (let n = 0; n < 3; n++) udp.push(await SteadyLoad.udp(endpoint, questions, 300));
      tcp.push(await SteadyLoad.tcp(endpoint, questions, 300));
    }
    loads.push(...udp, ...tcp);
    for (const load of loads) load.start();
    await until(() => loads.every(({ answered }) => answered > 100), 'a hundred replies to each');
  };
  const statusOf = (port: number, path: string): Promise<number> =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      (response) => response.status,
      () => 0,
    );

  it.each([
    ['batch', 1, 'SIGTERM'],
    ['batch', 4, 'SIGTERM'],
    ['batch', 4, 'SIGINT'],
    ['dgram', 1, 'SIGTERM'],
  ] as const)('by %s, %i threads, on %s: leaves no query unanswered', async (listener, threads, signal) => {
    server = await start(listener, threads);
    await startLoads();
    expect(await statusOf(readyPort, '/ready')).toBe(200);
    for (const load of loads) load.expectEnd();
    const signalledMs = performance.now();
    server.signal(signal);
    await server.saw('Going into lameduck mode for 2s');
    // Whoever asks whether it lives is told so, and whoever asks whether to send queries here is not told to.
    expect(await statusOf(healthPort, '/health')).toBe(200);
    expect(await statusOf(readyPort, '/ready')).not.toBe(200);
    expect(await server.exited).toBe(0);
    const exitedMs = performance.now();
    expect(exitedMs - signalledMs).toBeGreaterThanOrEqual(LAMEDUCK_MS - TIMER_MS);
    expect(server.stderr).toBe('');
    for (const load of loads) load.pause();
    await delay(NOTICE_MS);
    console.log(
      `${listener} ${threads}: ended after ${Math.round(exitedMs - signalledMs)} ms, ${loads.reduce((sum, { sent }) => sum + sent, 0)} queries, ` +
        `unanswered that were sent when it had ended: ${loads.map(({ outstanding }) => outstanding)}`,
    );
    const lameduckOverMs = signalledMs + LAMEDUCK_MS - TIMER_MS;
    for (const load of loads) {
      expect([...load.faults]).toEqual([]);
      expect(load.outstandingSince(lameduckOverMs)).toBe(0);
      // Up to some moment every query is taken, and from then on none.
      expect(load.passedOver).toBe(0);
    }
    // Later ones over TCP are told by the end of the connection, over a batch socket by refusals, as many as the kernel sends.
    for (const { endedMs } of tcp) expect(endedMs).not.toBeNull();
    if (listener === 'batch') expect(udp.some(({ endedMs }) => (endedMs ?? exitedMs) < exitedMs)).toBe(true);
  });
});
