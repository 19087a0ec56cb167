import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask } from '#test/dns-client.ts';
import { freePort, runProgram, ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';

let directory: string;
let port: number;
let server: ServerProcess | null = null;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-dns-signals-'));
  port = await freePort();
});
afterEach(async () => {
  if (server?.exitCode === null) server.signal('SIGKILL');
  await server?.exited;
  server = null;
  rmSync(directory, { recursive: true, force: true });
});

/** Starts the server with a Corefile of one block, which this is in. */
const start = async (body: string, ...args: string[]): Promise<ServerProcess> => {
  writeFileSync(join(directory, 'Corefile'), `.:${port} {\n    bind 127.0.0.1\n${body}\n}\n`);
  server = await startProcess(args, { cwd: directory });
  return server;
};
const answers = async (): Promise<boolean> => {
  const { rcode } = await ask({ address: '127.0.0.1', port }, 'host.example.org', 'A');
  return rcode === 0;
};
const HOSTS = 'hosts {\n 192.0.2.1 host.example.org\n}';
/** What was logged after the version, without the log of the plugin reload. */
const logged = ({ lines }: ServerProcess): string[] =>
  lines.slice(lines.findIndex((line) => / node\d/.test(line)) + 1).filter((line) => !line.includes('SHA512'));

describe('signals', () => {
  const withLameduck = async (): Promise<ServerProcess> =>
    start(`health 127.0.0.1:${await freePort()} {\n lameduck 2s\n}\n${HOSTS}`);

  it.each([
    ['SIGTERM', '[INFO] SIGTERM: Shutting down servers then terminating'],
    ['SIGINT', '[INFO] SIGINT: Shutting down'],
  ] as const)('%s answers during lameduck and ends with 0', async (signal, line) => {
    const running = await withLameduck();
    running.signal(signal);
    await running.saw('lameduck');
    expect(await answers()).toBe(true);
    expect(running.exitCode).toBeNull();
    expect(await running.exited).toBe(0);
    expect(logged(running)).toEqual([line, '[INFO] plugin/health: Going into lameduck mode for 2s']);
    expect(running.stderr).toBe('');
  });

  it('a second SIGINT ends at once with 2', async () => {
    const running = await withLameduck();
    running.signal('SIGINT');
    await running.saw('lameduck');
    running.signal('SIGINT');
    expect(await running.exited).toBe(2);
    expect(logged(running).at(-1)).toBe('[INFO] SIGINT: Force quit');
  });

  it('SIGQUIT ends at once with 0, without lameduck', async () => {
    const running = await withLameduck();
    running.signal('SIGQUIT');
    expect(await running.exited).toBe(0);
    expect(logged(running)).toEqual(['[INFO] SIGQUIT: Quitting process immediately']);
  });

  it('SIGHUP and SIGUSR2 change nothing', async () => {
    const running = await start(HOSTS);
    running.signal('SIGHUP');
    running.signal('SIGUSR2');
    running.signal('SIGUSR1');
    await running.saw('Reloading complete');
    expect(await answers()).toBe(true);
    expect(await running.stop()).toBe(0);
  });

  it('SIGUSR1 reloads, and a broken Corefile leaves the old one', async () => {
    const running = await start(HOSTS);
    const { pid } = running;
    writeFileSync(join(directory, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n hots\n whoamI\n}\n`);
    running.signal('SIGUSR1');
    await running.saw('[ERROR] SIGUSR1: ');
    expect(logged(running).filter((line) => line.startsWith('[ERROR] Restart failed: '))).toHaveLength(2);
    expect(await answers()).toBe(true);
    writeFileSync(
      join(directory, 'Corefile'),
      `.:${port} {\n bind 127.0.0.1\n hosts {\n 192.0.2.2 other.example.org\n}\n}\n`,
    );
    running.signal('SIGUSR1');
    await running.saw('[INFO] Reloading complete');
    const { answer } = await ask({ address: '127.0.0.1', port }, 'other.example.org', 'A');
    expect(answer).toHaveLength(1);
    expect(running.pid).toBe(pid);
    expect(logged(running).filter((line) => line === '[INFO] SIGUSR1: Reloading')).toHaveLength(2);
  });

  it('those that come while it still waits for the API server do not kill it, and SIGTERM ends it with 0', async () => {
    const body = `kubernetes cluster.local {\n endpoint http://127.0.0.1:${await freePort()}\n startup_timeout 1m\n}\nerrors`;
    const health = await freePort();
    writeFileSync(
      join(directory, 'Corefile'),
      `.:${port} {\n bind 127.0.0.1\n health 127.0.0.1:${health}\n${body}\n}\n`,
    );
    server = new ServerProcess([], { cwd: directory });
    await until(async () => (await fetch(`http://127.0.0.1:${health}/health`).catch(() => null))?.status === 200);
    server.signal('SIGHUP');
    server.signal('SIGUSR1');
    await server.saw('SIGUSR1: Reloading');
    expect(server.exitCode).toBeNull();
    server.signal('SIGTERM');
    expect(await server.exited).toBe(0);
  });
});

describe('-pidfile', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('has the id of the process until %s', async (signal) => {
    const file = join(directory, 'pid');
    const running = await start(HOSTS, '-pidfile', file);
    expect(readFileSync(file, 'utf8')).toBe(`${running.pid}\n`);
    running.signal(signal);
    await running.exited;
    expect(existsSync(file)).toBe(false);
  });
});

describe('a start that fails ends with 1 and says why on standard error', () => {
  const fails = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(args);
    expect([code, stdout]).toEqual([1, '']);
    return stderr;
  };

  it('for a Corefile with faults, each with its place', async () => {
    const file = join(directory, 'bad');
    writeFileSync(file, `.:${port} {\n    whoami\n    bogus\n    health bla\n}\n`);
    const said = await fails('-conf', file);
    expect(said).toContain(
      `${file}:3:5: Error during parsing: Unknown directive 'bogus'\n  3 |     bogus\n    |     ^^^^^\n`,
    );
    expect(said).toContain(`${file}:4:`);
  });

  it('for a Corefile that is not there', async () => {
    const file = join(directory, 'nowhere');
    expect(await fails('-conf', file)).toBe(`loading Corefile: open ${file}: no such file or directory\n`);
    mkdirSync(file);
    expect(await fails('-conf', file)).toBe(`loading Corefile: read ${file}: is a directory\n`);
  });

  it('for a busy port, of DNS and of an HTTP endpoint', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(port, '127.0.0.1', resolve));
    const dns = join(directory, 'dns');
    writeFileSync(dns, `.:${port} {\n bind 127.0.0.1\n whoami\n}\n`);
    expect(await fails('-conf', dns)).toBe(`Listen: listen tcp 127.0.0.1:${port}: bind: address already in use\n`);
    const http = join(directory, 'http');
    writeFileSync(http, `.:${await freePort()} {\n bind 127.0.0.1\n health 127.0.0.1:${port}\n whoami\n}\n`);
    expect(await fails('-conf', http)).toBe(`listen tcp 127.0.0.1:${port}: bind: address already in use\n`);
    const lenient = await startProcess(['-conf', http, '-manifests', directory]);
    await lenient.saw(`[WARNING] plugin/health: listen tcp 127.0.0.1:${port}: bind: address already in use`);
    expect(await lenient.stop()).toBe(0);
    await new Promise((resolve) => taken.close(resolve));
  });

  it('for what is left over on the command line', async () => {
    expect(await fails('-conf', 'Corefile', 'more')).toMatch(/^extra command line arguments: \[more\]\n/);
    const { code, stderr } = await runProgram(['-bogus']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^flag provided but not defined: -bogus\n/)]);
  });
});

describe('the command line', () => {
  it('-version prints two lines', async () => {
    for (const flag of ['-version', '--version', '-version=true']) {
      const { code, stdout } = await runProgram([flag]);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/^cluster-dns-\d+\.\d+\.\d+\n\w+\/\w+, node[\d.]+, \w*\n$/),
      ]);
    }
  });

  it('-plugins lists what is built, one a line in order', async () => {
    const { code, stdout } = await runProgram(['-plugins']);
    const names = stdout.trim().split('\n');
    expect(code).toBe(0);
    expect(names).toEqual(names.toSorted());
    expect(names).toEqual(expect.arrayContaining(['cache', 'errors', 'forward', 'health', 'kubernetes', 'ready']));
  });

  it('prints what it serves, then the version', async () => {
    const running = await start('whoami');
    expect(running.lines).toEqual([
      `.:${port} on 127.0.0.1`,
      expect.stringMatching(/^cluster-dns-/),
      expect.stringMatching(/, node/),
    ]);
  });

  it('-quiet prints nothing but the log', async () => {
    writeFileSync(join(directory, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n whoami\n}\n`);
    server = new ServerProcess(['-quiet', '-conf', join(directory, 'Corefile')]);
    const endpoint = { address: '127.0.0.1', port };
    await until(() => ask(endpoint, 'a.example.org', 'A', { transport: 'tcp' }).then(Boolean, () => false));
    expect(server.stdout).toBe('');
    await server.stop();
    expect(server.stdout).toBe('[INFO] SIGTERM: Shutting down servers then terminating\n');
  });

  it('-conf stdin reads standard input', async () => {
    const corefile = `.:${port} {\n bind 127.0.0.1\n${HOSTS}\n}\n`;
    server = await startProcess(['-conf', 'stdin'], { stdin: corefile, cwd: directory });
    expect(await answers()).toBe(true);
    expect(await server.stop()).toBe(0);
  });

  it.each([
    ['without a Corefile', null],
    ['with an empty one', ''],
    ['with nothing but comments', '# later\n\n'],
  ])('%s runs whoami and log on the port that is given', async (_, corefile) => {
    if (corefile !== null) writeFileSync(join(directory, 'Corefile'), corefile);
    server = await startProcess(['-dns.port', `${port}`], { cwd: directory });
    expect(server.lines[0]).toBe(`.:${port}`);
    const reply = await ask({ address: '127.0.0.1', port }, 'anything.example.org', 'A');
    expect([reply.rcode, reply.answer.length, reply.additional.length]).toEqual([0, 0, 2]);
    await server.saw(/^\[INFO\] 127\.0\.0\.1:\d+ - \d+ "A IN anything\.example\.org\. udp /);
    expect(await server.stop()).toBe(0);
  });
});
