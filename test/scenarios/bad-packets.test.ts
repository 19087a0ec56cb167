/** Messages that are wrong, or only odd, sent to a whole server: each has its reply or none, and the server goes on answering. */
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage, FLAG, WireFault } from '#dns/decode.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { readCorpus } from '#test/dns-corpus.ts';
import { Mutator } from '#test/mutations.ts';
import { startServer, type TestServer, UDP_LISTENERS } from '#test/server.ts';
import { Random } from '../../bench/compare/random.ts';

const SEED = 20_261_121;
const cases = readCorpus(join(import.meta.dirname, '../corpus/dns'));

describe.each(UDP_LISTENERS)('a server given odd messages, UDP by %s,', (udp) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ corefile: '. {\n errors\n whoami\n}\n', udp });
  });
  afterAll(() => server?.stop());

  const expectAnswering = async (): Promise<void> =>
    expect((await server.query('still.example.', 'A')).additional).toHaveLength(2);

  it.each(cases.filter(({ expected }) => expected !== 'none'))('replies $expected to $title', async ({
    expected,
    bytes,
  }) => {
    for (const transport of ['udp', 'tcp'] as const) {
      const reply = decodeMessage((await server.exchange(bytes, transport)) as Buffer);
      if (reply instanceof WireFault) throw new Error(reply.reason);
      expect([rcodeName(reply.rcode), reply.id, reply.flags & FLAG.QR]).toEqual([
        expected,
        bytes.readUInt16BE(0),
        FLAG.QR,
      ]);
    }
    await expectAnswering();
  });

  it('goes on answering through thousands of changed messages', async () => {
    const mutator = new Mutator(
      cases.map(({ bytes }) => bytes),
      new Random(SEED),
    );
    const messages = Array.from({ length: 3000 }, () => mutator.next());
    const socket = createSocket('udp4');
    for (const [index, message] of messages.entries()) {
      socket.send(message, server.port, server.address);
      if (index % 100 === 99) await expectAnswering();
    }
    socket.close();
    expect(server.logLines.filter((line) => /panic|fatal/i.test(line))).toEqual([]);
  });

  it.each(cases.filter(({ expected }) => expected === 'none'))('is silent on $title', async ({ bytes }) => {
    // What is sent after it is answered first: there is nothing to wait for.
    const silent = server.exchange(bytes, 'udp', 300);
    await expectAnswering();
    expect(await silent).toBeNull();
  });
});
