/** Thousands of queries with a few octets changed, at a server with the Corefile that everyone has: it neither breaks nor fills up. */
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TcpClient } from '#test/dns-client.ts';
import { readCorpus } from '#test/dns-corpus.ts';
import { Mutator, soundQueries } from '#test/mutations.ts';
import { startServer, type TestServer } from '#test/server.ts';
import { until } from '#test/until.ts';
import { Random } from '../../bench/compare/random.ts';

const SEED = 20260117;
const MESSAGES = 5000;
const mutator = new Mutator(
  [
    ...readCorpus(join(import.meta.dirname, '../corpus/dns')).map(({ bytes }) => bytes),
    ...soundQueries(['hello-world.default.svc.cluster.local.', '44.77.96.10.in-addr.arpa.']),
  ],
  new Random(SEED),
);
const messages = Array.from({ length: MESSAGES }, () => mutator.next());

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
