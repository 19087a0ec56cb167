/** The server as a process that is asked for far more than it can do: all is accounted for, memory is bounded, and it answers afterwards. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ask, encodeQuery } from '#test/dns-client.ts';
import { freePort, type ServerProcess, startProcess } from '#test/process.ts';
import { accountSince, type UdpAccount, udpAccount } from '#test/udp-account.ts';
import { until } from '#test/until.ts';

const LOCAL = '127.0.0.1';
const QUERIES = 60_000;
/** What main has for queries on their way, with all that hangs on each, and for garbage not collected yet. */
const MOST_MORE_MIB = 150;

interface Overloaded {
  readonly server: ServerProcess;
  readonly endpoint: { readonly address: string; readonly port: number };
  account(): Promise<UdpAccount>;
  close(): Promise<void>;
}

const start = async (listener: string, limit: string): Promise<Overloaded> => {
  const place = mkdtempSync(join(tmpdir(), 'cluster-dns-overload-'));
  // It takes queries and never answers one.
  const upstream = createSocket('udp4');
  await new Promise<void>((resolve) => upstream.bind(0, LOCAL, resolve));
  const [port, metrics] = [await freePort(), await freePort()];
  writeFileSync(
    join(place, 'Corefile'),
    `.:${port} {
      bind ${LOCAL}
      ${limit}
      prometheus ${LOCAL}:${metrics}
      cache
      hosts {
        192.0.2.7 known.test
        fallthrough
      }
      forward . ${LOCAL}:${upstream.address().port}
    }`,
  );
  const server = await startProcess(['-conf', join(place, 'Corefile'), '-udp-listener', listener]);
  return {
    server,
    endpoint: { address: LOCAL, port },
    account: async () => udpAccount(await (await fetch(`http://${LOCAL}:${metrics}/metrics`)).text()),
    close: async () => {
      await server.stop();
      upstream.close();
      rmSync(place, { recursive: true, force: true });
    },
  };
};

/** Sends as fast as it can, names that nobody has asked for and one that is known; gives how many the kernel took and how many were answered. */
const flood = async (port: number, times: number): Promise<{ readonly sent: number; readonly answered: number }> => {
  const socket = createSocket('udp4');
  let answered = 0;
  socket.on('message', () => answered++);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.connect(port, LOCAL, resolve));
  let sent = 0;
  for (let i = 0; i < times; ) {
    const batch = Array.from({ length: 200 }, () => {
      const name = i % 5 === 0 ? 'known.test' : `n${i}.example`;
      i++;
      return new Promise<void>((resolve) =>
        socket.send(encodeQuery(name, 'A'), (error) => {
          if (error === null) sent++;
          resolve();
        }),
      );
    });
    await Promise.all(batch);
  }
  socket.close();
  return { sent, answered };
};

const tellsDrops = (listener: string): boolean => listener === 'batch';

describe.each(['batch', 'dgram'])('a server asked for more than it can do, UDP by %s,', (listener) => {
  it('accounts for every query, keeps its memory within bounds and answers afterwards', {
    timeout: 60_000,
  }, async () => {
    const { server, endpoint, account, close } = await start(listener, '');
    try {
      await ask(endpoint, 'known.test', 'A');
      const before = await account();
      const memory = server.residentMiB();
      const { sent } = await flood(endpoint.port, QUERIES);
      // What has come is taken within moments; what waits for the upstream is given up after some seconds.
      let since = accountSince(before, await account());
      const isOver = async (): Promise<boolean> => {
        since = accountSince(before, await account());
        return since.inFlight === 0 && (!tellsDrops(listener) || since.received + since.kernelDrops === sent);
      };
      await until(isOver, 'all that was sent is accounted for', 30_000);
      expect(since.remembered + since.handedOver + since.dropped + since.limited).toBe(since.received);
      expect(since.received).toBeLessThanOrEqual(sent);
      expect(since.handedOver).toBeGreaterThan(0);
      expect(server.residentMiB() - memory).toBeLessThan(MOST_MORE_MIB);
      expect((await ask(endpoint, 'known.test', 'A')).answer).toHaveLength(1);
      expect((await ask(endpoint, 'KNOWN.test', 'AAAA', { transport: 'tcp' })).rcode).toBe(0);
    } finally {
      await close();
    }
  });

  it('sends one source no more than its limit, and answers it over TCP', { timeout: 60_000 }, async () => {
    const { endpoint, account, close } = await start(listener, 'source_limit 10 {\n slip 0\n ipv4_prefix 32\n }');
    try {
      const before = await account();
      const startedMs = performance.now();
      const { sent, answered } = await flood(endpoint.port, QUERIES / 10);
      const seconds = (performance.now() - startedMs) / 1000;
      expect(answered).toBeLessThanOrEqual(10 + 10 * (seconds + 1));
      let since = accountSince(before, await account());
      await until(async () => {
        since = accountSince(before, await account());
        return !tellsDrops(listener) || since.received + since.kernelDrops === sent;
      });
      expect(since.limited).toBe(since.received - since.remembered - since.handedOver - since.dropped);
      expect(since.limited).toBeGreaterThan(0);
      expect((await ask(endpoint, 'known.test', 'A', { transport: 'tcp' })).answer).toHaveLength(1);
    } finally {
      await close();
    }
  });
});
