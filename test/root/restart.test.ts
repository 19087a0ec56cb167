import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, type Endpoint } from '#test/dns-client.ts';
import { freePort, runProgram, type ServerProcess, startProcess } from '#test/process.ts';
import { until } from '#test/until.ts';
import { type Known, SteadyLoad } from './steady-load.ts';

const NAME = 'hello-world.default.svc.cluster.local.';
const QUESTIONS: readonly Known[] = [
  { name: NAME, type: 'A', rcode: 0, answer: [`${NAME} IN A 10.96.77.44`] },
  { name: NAME, type: 'AAAA', rcode: 0, answer: [] },
];
const ROUNDS = 20;

describe('a server that is killed', () => {
  let directory: string;
  let endpoint: Endpoint;
  let healthPort: number;
  let server: ServerProcess | null = null;
  const loads: SteadyLoad[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-dns-restart-'));
    endpoint = { address: '127.0.0.1', port: await freePort() };
    healthPort = await freePort();
    writeFileSync(join(directory, 'Corefile'), corefile());
    mkdirSync(join(directory, 'tmp'));
  });
  afterEach(async () => {
    for (const load of loads.splice(0)) load.close();
    if (server?.exitCode === null) server.signal('SIGKILL');
    await server?.exited;
    server = null;
    rmSync(directory, { recursive: true, force: true });
  });

  const corefile = (): string => `.:${endpoint.port} {
    bind 127.0.0.1
    multisocket 2
    health 127.0.0.1:${healthPort}
    kubernetes cluster.local
    cache 30
}
`;
  const flags = (listener: string): string[] => [
    ...['-conf', join(directory, 'Corefile'), '-manifests', 'examples'],
    ...['-udp-listener', listener, '-pidfile', join(directory, 'pid')],
  ];
  const start = async (listener: string): Promise<ServerProcess> => {
    server = await startProcess(flags(listener), { env: { TMPDIR: join(directory, 'tmp') } });
    return server;
  };
  it.each(['batch', 'dgram'])('by %s: serves again as soon as it is started again, twenty times', async (listener) => {
    let total = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const running = await start(listener);
      for (const transport of ['udp', 'tcp'] as const)
        expect((await ask(endpoint, NAME, 'A', { transport })).answer).toHaveLength(1);
      expect(readFileSync(join(directory, 'pid'), 'utf8')).toBe(`${running.pid}\n`);
      const pair = [await SteadyLoad.udp(endpoint, QUESTIONS), await SteadyLoad.tcp(endpoint, QUESTIONS)];
      for (const load of pair) {
        load.expectEnd();
        loads.push(load.start());
      }
      await until(() => pair.every(({ answered }) => answered >= 50), 'fifty replies to each');
      running.signal('SIGKILL');
      expect(await running.exited).toBe(137);
      for (const load of pair) {
        load.close();
        // Over TCP the kernel resets what it can't hand on; no reply was wrong.
        expect([...load.faults].filter((fault) => !/ECONNRESET|EPIPE/.test(fault))).toEqual([]);
        total += load.answered;
      }
      expect(running.stderr).toBe('');
    }
    console.log(`${listener}: ${ROUNDS} rounds, ${total} replies`);
    // The file with the process's id is the next one's to write over; nothing else stays, in its directory for temporary files neither.
    expect(readdirSync(directory).sort()).toEqual(['Corefile', 'pid', 'tmp']);
    expect(readdirSync(join(directory, 'tmp'))).toEqual([]);
  });

  it('is not started twice on one port, and the first one goes on', async () => {
    const running = await start('batch');
    const load = (await SteadyLoad.udp(endpoint, QUESTIONS)).start();
    loads.push(load);
    for (const listener of ['batch', 'dgram']) {
      const { code, stdout, stderr } = await runProgram(flags(listener));
      expect([code, stdout, stderr]).toEqual([
        1,
        `[WARNING] plugin/health: listen tcp 127.0.0.1:${healthPort}: bind: address already in use\n`,
        `Listen: listen tcp 127.0.0.1:${endpoint.port}: bind: address already in use\n`,
      ]);
    }
    expect(readFileSync(join(directory, 'pid'), 'utf8')).toBe(`${running.pid}\n`);
    const answered = load.answered + 100;
    await until(() => load.answered >= answered, 'a hundred more replies');
    load.pause();
    await until(() => load.outstanding === 0, 'every query has its reply');
    expect([...load.faults]).toEqual([]);
  });
});
