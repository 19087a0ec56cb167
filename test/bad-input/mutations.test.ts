/** Thousands of queries with a few octets changed, at a server with the Corefile that everyone has: it neither breaks nor fills up. */
import { createSocket } from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeQuery, TcpClient } from '#test/dns-client.ts';
import { startServer, type TestServer } from '#test/server.ts';
import { until } from '#test/until.ts';

const SEED = 20260117;
const MESSAGES = 5000;
const CORPUS = join(import.meta.dirname, '../corpus/dns');

const corpus = readdirSync(CORPUS).map((file) =>
  Buffer.from(readFileSync(join(CORPUS, file), 'utf8').split('\n').slice(2).join('').replace(/\s/g, ''), 'hex'),
);
const wellFormed = ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'ANY'].flatMap((type) => [
  encodeQuery('hello-world.default.svc.cluster.local.', type, { id: 1 }),
  encodeQuery('44.77.96.10.in-addr.arpa.', type, { id: 1, udpSize: 1232, isDnssecOk: true }),
]);

/** Mostly single bits and octets, so that much of it still gets past the first checks. */
const edit = fc.oneof(
  fc.record({ at: fc.nat(80), set: fc.nat(255) }),
  fc.record({ at: fc.nat(11), set: fc.nat(255) }),
  fc.record({ at: fc.nat(80), insert: fc.uint8Array({ maxLength: 6 }) }),
  fc.record({ cutAt: fc.nat(80) }),
);
type Edit = typeof edit extends fc.Arbitrary<infer T> ? T : never;

const applied = (message: Buffer, change: Edit): Buffer => {
  if ('cutAt' in change) return message.subarray(0, change.cutAt);
  if ('insert' in change)
    return Buffer.concat([message.subarray(0, change.at), change.insert, message.subarray(change.at)]);
  const copy = Buffer.from(message);
  if (change.at < copy.length) copy[change.at] = change.set;
  return copy;
};

const messages = fc
  .sample(fc.tuple(fc.constantFrom(...wellFormed, ...corpus), fc.array(edit, { minLength: 1, maxLength: 3 })), {
    numRuns: MESSAGES,
    seed: SEED,
  })
  .map(([start, changes]) => changes.reduce(applied, start));

describe(`a server under ${MESSAGES} changed messages (seed ${SEED})`, () => {
  let server: TestServer;
  const breaks: unknown[] = [];
  const noteBreak = (error: unknown): void => void breaks.push(error);

  beforeAll(async () => {
    process.on('uncaughtException', noteBreak);
    server = await startServer({
      corefile: '. {\n errors\n log\n kubernetes cluster.local in-addr.arpa\n cache 30\n loadbalance\n whoami\n}\n',
      manifests: 'examples',
    });
  });
  afterAll(async () => {
    await server?.stop();
    process.off('uncaughtException', noteBreak);
  });

  const expectAnswering = async (transport: 'udp' | 'tcp'): Promise<void> => {
    const { rcode, answer } = await server.query('hello-world.default.svc.cluster.local.', 'A', { transport });
    expect([rcode, answer.length]).toEqual([0, 1]);
  };
  /** Whatever a query may leave behind in this process. */
  const held = (): number => process.getActiveResourcesInfo().length;
  const expectUnharmed = (): void => {
    expect(breaks).toEqual([]);
    expect(server.logLines.filter((line) => /panic|fatal|unhandled/i.test(line))).toEqual([]);
  };

  it('answers every query in between, over UDP, and keeps nothing of the rest', async () => {
    await expectAnswering('udp');
    const before = held();
    const socket = createSocket('udp4');
    let replies = 0;
    socket.on('message', () => replies++);
    for (const [i, message] of messages.entries()) {
      socket.send(message, server.port, server.address);
      if (i % 100 === 99) await expectAnswering('udp');
    }
    await expectAnswering('udp');
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    // Most are still messages that get a reply; were there none, they would not have reached the server.
    expect(replies).toBeGreaterThan(MESSAGES / 4);
    await until(() => held() <= before, 'nothing held for any of them');
    expectUnharmed();
  });

  it('answers every query in between, over TCP, on connections that it may close', async () => {
    await expectAnswering('tcp');
    const before = held();
    let client = await TcpClient.open(server);
    for (const [i, message] of messages.slice(0, 1000).entries()) {
      if (client.socket.destroyed || client.socket.readableEnded) client = await TcpClient.open(server);
      client.send(message);
      if (i % 100 === 99) await expectAnswering('tcp');
    }
    client.close();
    await until(() => held() <= before, 'no connection held');
    await expectAnswering('tcp');
    expectUnharmed();
  });
});
