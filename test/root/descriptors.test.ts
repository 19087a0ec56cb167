import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '#test/command.ts';
import { ask, type Endpoint, TcpClient } from '#test/dns-client.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort, type ProcessOptions, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';

const KNOWN = 'hello-world.default.svc.cluster.local.';
/** More than the sockets that queries to an upstream are spread over. */
const WARMING = 100;

describe('without free file descriptors', () => {
  let directory: string;
  let endpoint: Endpoint;
  let healthPort: number;
  let upstream: FakeUpstream;
  let server: ServerProcess | null = null;
  const clients: TcpClient[] = [];
  let asked = 0;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-descriptors-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    healthPort = await freePort();
    upstream = await FakeUpstream.open();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    if (server?.exitCode === null) server.signal('SIGKILL');
    await server?.exited;
    server = null;
    await upstream.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const write = (threads: number): void =>
    writeFileSync(
      join(directory, 'Corefile'),
      `.:${endpoint.port} {
    bind 127.0.0.1
    multisocket ${threads}
    health 127.0.0.1:${healthPort}
    errors
    kubernetes cluster.local
    cache 30
    forward . ${upstream.address}
}
`,
    );
  const start = async (listener: string, options: ProcessOptions = {}): Promise<ServerProcess> => {
    write(2);
    const args = ['-conf', join(directory, 'Corefile'), '-manifests', 'examples', '-udp-listener', listener];
    server = await startProcess(args, options);
    for (let n = 0; n < WARMING; n++) expect(await rcodeOf(newName())).toBe(0);
    return server;
  };
  const newName = (): string => `name-${asked++}.example.org.`;
  const rcodeOf = async (name: string): Promise<number> => (await ask(endpoint, name, 'A')).rcode;
  /** Lets it have this many more than it has; null: as many as it likes. */
  const allow = async (free: number | null): Promise<void> => {
    const { pid, descriptors } = server as ServerProcess;
    await run('prlimit', ['--pid', `${pid}`, `--nofile=${free === null ? 4096 : descriptors - 1 + free}:`]);
  };
  const connect = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) clients.push(await TcpClient.open(endpoint));
  };
  const health = (): Promise<number> =>
    fetch(`http://127.0.0.1:${healthPort}/health`, { headers: { connection: 'close' } }).then(
      ({ status }) => status,
      () => 0,
    );

  it.each(['batch', 'dgram'])('by %s: UDP goes on, the rest fails and is there again with them', async (listener) => {
    const running = await start(listener);
    const before = running.descriptors;
    await allow(3);
    // Of these most are accepted and closed at once, or wait.
    await connect(30);
    expect(await rcodeOf(KNOWN)).toBe(0);
    for (let n = 0; n < WARMING; n++) expect([0, 2]).toContain(await rcodeOf(newName()));
    write(4);
    running.signal('SIGUSR1');
    await running.saw('[ERROR] SIGUSR1: starting with listener file descriptors: ');
    expect(running.lines.filter((line) => line.startsWith('[ERROR] Restart failed: '))).toEqual([
      expect.stringContaining('EMFILE'),
    ]);
    const usedBefore = running.cpuSeconds();
    await delay(1000);
    const used = running.cpuSeconds() - usedBefore;
    console.log(`${listener}: ${used.toFixed(2)} s of CPU in a second with connections that wait`);
    expect(used).toBeLessThan(0.5);
    expect(await rcodeOf(KNOWN)).toBe(0);

    await allow(null);
    for (const client of clients.splice(0)) client.close();
    expect((await ask(endpoint, KNOWN, 'A', { transport: 'tcp' })).answer).toHaveLength(1);
    expect(await rcodeOf(newName())).toBe(0);
    await until(async () => (await health()) === 200, 'its health is told again');
    await until(() => running.descriptors <= before, `no more than ${before} descriptors`);
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete');
    expect(await rcodeOf(KNOWN)).toBe(0);
    expect(await running.stop()).toBe(0);
    expect(running.stderr).toBe('');
  });

  it('a reload that wants more threads fails or works with every number of them, and keeps none', async () => {
    const running = await start('batch');
    const before = running.descriptors;
    const isDone = (line: string): boolean => /Restart failed|Reloading complete/.test(line);
    let free = 0;
    for (let reloads = 1; !running.lines.includes('[INFO] Reloading complete'); reloads++, free++) {
      await until(() => running.descriptors <= before, `no more than ${before} descriptors with ${free} free`);
      write(5);
      await allow(free);
      running.signal('SIGUSR1');
      await until(() => running.lines.filter(isDone).length === reloads, `an end of reload ${reloads}`);
      expect(await rcodeOf(KNOWN)).toBe(0);
    }
    console.log(`three more threads with ${free} free descriptors`);
    write(2);
    await allow(null);
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete', 2);
    await until(() => running.descriptors <= before, `no more than ${before} descriptors`);
    expect(running.stderr).toBe('');
  });

  it.each(['batch', 'dgram'])('by %s: clients over TCP take no more than half of them', async (listener) => {
    const running = await start(listener, { prefix: ['prlimit', '--nofile=160'] });
    await connect(150);
    expect(running.descriptors).toBeLessThan(160 - 16);
    expect(await rcodeOf(newName())).toBe(0);
    expect(await health()).toBe(200);
    expect((await ask(endpoint, KNOWN, 'A', { transport: 'tcp' })).answer).toHaveLength(1);
    write(4);
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete');
    expect(await running.stop()).toBe(0);
    expect(running.stderr).toBe('');
  });
});
