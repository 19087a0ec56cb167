/** The record rules of the Kubernetes DNS specification 1.1, over real sockets, the cluster a directory of manifests. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLAG } from '#dns/decode.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { ask, type QueryOptions } from '#test/dns-client.ts';
import { startServer, type TestServer, UDP_LISTENERS } from '#test/server.ts';
import { rememberedOverUdp } from '../server/counted.ts';
import { type Exchange, readScenario } from './scenario.ts';

const HERE = import.meta.dirname;
const files = readdirSync(HERE).filter((file) => file.endsWith('.scenario'));

/** Over UDP, over TCP, and again: from the second time on the reply may be a remembered one; a listener thread knows it by the last. */
const WAYS: readonly QueryOptions[] = [
  { udpSize: 4096 },
  { transport: 'tcp' },
  { udpSize: 4096 },
  { udpSize: 4096 },
  { udpSize: 4096 },
];

/** Records of a section in text, sorted, the serial of an SOA left out. */
const inText = (records: readonly ResourceRecord[]): string[] =>
  records
    .map((record) => {
      const text = recordToText(record);
      return record.type === RR_TYPE.SOA ? text.replace(/ \d+( \d+ \d+ \d+ \d+)$/, ' SERIAL$1') : text;
    })
    .sort();

/** Canonical form of what a scenario says. */
const expectedText = (lines: readonly string[]): string[] =>
  inText(lines.map((line) => recordFromText(line.replace('SERIAL', '0'))));

const expectExchange = async (server: TestServer, exchange: Exchange, way: QueryOptions): Promise<void> => {
  const reply = await ask(server, exchange.qname, exchange.qtype, way);
  expect({
    rcode: rcodeName(reply.rcode),
    isAuthoritative: (reply.flags & FLAG.AA) !== 0,
    answer: inText(reply.answer),
    authority: inText(reply.authority),
    additional: inText(reply.additional),
  }).toEqual({
    rcode: exchange.rcode,
    isAuthoritative: true,
    answer: expectedText(exchange.answer),
    authority: expectedText(exchange.authority),
    additional: expectedText(exchange.additional),
  });
};

const runs = files.flatMap((file) => UDP_LISTENERS.map((udp) => ({ file, udp })));

describe.each(runs)('$file, UDP by $udp', ({ file, udp }) => {
  const { title, corefile, objects, exchanges } = readScenario(join(HERE, file));
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ corefile, objects, udp });
  });
  afterAll(() => server?.stop());

  it.each(exchanges)(`${title}: line $line, $qname $qtype`, async (exchange) => {
    for (const way of WAYS) await expectExchange(server, exchange, way);
  });

  it('answered from memory, too', async () => {
    expect(await rememberedOverUdp(server)).toBeGreaterThan(exchanges.length);
  });
});
