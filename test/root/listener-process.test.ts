import { createSocket } from 'node:dgram';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, type Endpoint, encodeQuery } from '#test/dns-client.ts';
import { freePort, PROGRAM, type ProcessOptions, runProgram, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { countersOf } from './counters.ts';

let directory: string;
let endpoint: Endpoint;
let server: ServerProcess | null = null;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-listener-'));
  endpoint = { address: '127.0.0.1', port: await freePort() };
});
afterEach(async () => {
  if (server?.exitCode === null) server.signal('SIGKILL');
  await server?.exited;
  server = null;
  rmSync(directory, { recursive: true, force: true });
});

const corefile = (more = '', threads = 4): string => `.:${endpoint.port} {
    bind 127.0.0.1
    multisocket ${threads}
    hosts {
        192.0.2.1 host.example.org
    }
    ${more}
}
`;
const start = async (mode: string, options: ProcessOptions & { more?: string } = {}): Promise<ServerProcess> => {
  const file = join(directory, 'Corefile');
  writeFileSync(file, corefile(options.more));
  server = await startProcess(['-conf', file, '-udp-listener', mode], options);
  return server;
};
/** Asks often enough that every thread has had something to do. */
const askAll = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) expect((await ask(endpoint, 'host.example.org', 'A')).answer).toHaveLength(1);
};
/** ms from now until the server has ended. */
const endMs = async (running: ServerProcess): Promise<number> => {
  const from = performance.now();
  await running.exited;
  return performance.now() - from;
};

describe('a server with listener threads ends within a second', () => {
  /** Makes the main thread do this when it is sent SIGWINCH, of which the server knows nothing. */
  const doing = (code: string): ProcessOptions => {
    const file = join(directory, 'door.mjs');
    writeFileSync(
      file,
      `import { isMainThread } from 'node:worker_threads';
       if (isMainThread) process.on('SIGWINCH', () => { ${code} });`,
    );
    return { env: { NODE_OPTIONS: `--import=${file}` } };
  };

  it.each([
    ['an error that nobody catches', 'throw new Error("not caught");', 1],
    ['process.exit', 'process.exit(9);', 9],
    ['process.exit while threads are started', 'process.emit("SIGUSR1"); setTimeout(() => process.exit(9), 200);', 9],
  ])('after %s', async (_, code, exitCode) => {
    const running = await start('batch', doing(code));
    await askAll();
    // For the case that reloads: more threads than there are.
    writeFileSync(join(directory, 'Corefile'), corefile('', 16));
    running.signal('SIGWINCH');
    expect(await endMs(running)).toBeLessThan(1000);
    expect(running.exitCode).toBe(exitCode);
    expect(running.stderr.includes('not caught')).toBe(exitCode === 1);
  });

  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 0],
    ['SIGQUIT', 0],
    ['SIGKILL', 137],
  ] as const)('after %s', async (signal, exitCode) => {
    const running = await start('batch');
    await askAll();
    running.signal(signal);
    expect(await endMs(running)).toBeLessThan(1000);
    expect(running.exitCode).toBe(exitCode);
    expect(running.stderr).toBe('');
  });

  it('after a second SIGINT, in the middle of lameduck', async () => {
    const running = await start('batch', { more: `health 127.0.0.1:${await freePort()} {\n lameduck 20s\n}` });
    await askAll();
    running.signal('SIGINT');
    await running.saw('lameduck');
    running.signal('SIGINT');
    expect(await endMs(running)).toBeLessThan(1000);
    expect(running.exitCode).toBe(2);
  });

  it('where its address is taken', async () => {
    const taken = createSocket('udp4');
    await new Promise<void>((resolve) => taken.bind(endpoint.port, '127.0.0.1', resolve));
    const from = performance.now();
    const { code, stderr } = await runProgram(['-conf', 'stdin', '-udp-listener', 'batch'], { stdin: corefile() });
    console.log(`a start that failed took ${(performance.now() - from).toFixed(0)} ms`);
    expect([code, stderr]).toEqual([
      1,
      `ListenPacket: listen udp 127.0.0.1:${endpoint.port}: bind: address already in use\n`,
    ]);
    await new Promise<void>((resolve) => taken.close(resolve));
  });
});

describe('where the system calls can not be had', () => {
  /** The program as it is where the package with the binaries was not installed. */
  const withoutPackage = (): string => {
    cpSync(dirname(PROGRAM), join(directory, 'dist'), { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"type": "module"}');
    return join(directory, 'dist', 'cluster-dns.js');
  };
  const REASON = 'the package koffi does not load: ';

  it('auto serves by dgram and says so, once, also over reloads', async () => {
    const running = await start('auto', { program: withoutPackage() });
    const isSaid = (line: string): boolean =>
      line.startsWith(`[WARNING] UDP: one datagram a system call, because batches can't be had: ${REASON}`);
    expect(running.lines.filter(isSaid)).toHaveLength(1);
    await askAll();
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete');
    await askAll();
    expect(running.lines.filter(isSaid)).toHaveLength(1);
    expect(await running.stop()).toBe(0);
  });

  it('batch fails the start and says why', async () => {
    const args = ['-conf', 'stdin', '-udp-listener', 'batch'];
    const { code, stderr } = await runProgram(args, { program: withoutPackage(), stdin: corefile() });
    expect([code, stderr]).toEqual([1, expect.stringContaining(REASON)]);
  });

  it('dgram serves, with the package or without', async () => {
    for (const program of [PROGRAM, withoutPackage()]) {
      const running = await start('dgram', { program });
      await askAll();
      expect(running.stdout).not.toContain('UDP: ');
      expect(await running.stop()).toBe(0);
    }
  });
});

describe('a receive buffer that is full', () => {
  it('is counted, and all that it held is answered', async () => {
    const metricsPort = await freePort();
    const running = await start('batch', { more: `prometheus 127.0.0.1:${metricsPort}` });
    await askAll();
    const scrape = async (): Promise<(name: string) => number> => {
      const counters = countersOf(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text());
      return (name) =>
        [...counters]
          .filter(([series]) => series.replace(/\{.*/, '') === `cluster_dns_udp_${name}`)
          .reduce((sum, [, value]) => sum + value, 0);
    };
    const first = await scrape();
    expect(first('receive_buffer_drops_total')).toBe(0);
    running.signal('SIGSTOP');
    const socket = createSocket('udp4');
    const SENT = 30_000;
    const query = encodeQuery('host.example.org', 'A');
    const send = (): Promise<unknown> =>
      new Promise((resolve) => socket.send(query, endpoint.port, endpoint.address, resolve));
    // From one port, so that one thread's socket gets them all.
    for (let n = 0; n < SENT / 100; n++) await Promise.all(Array.from({ length: 100 }, send));
    socket.close();
    running.signal('SIGCONT');
    const expected = first('received_total') + SENT;
    let now = first;
    await until(async () => {
      now = await scrape();
      return now('received_total') + now('receive_buffer_drops_total') === expected;
    });
    expect(now('receive_buffer_drops_total')).toBeGreaterThan(0);
    console.log(`${now('receive_buffer_drops_total')} of ${SENT} dropped`);
    await askAll();
  });
});
