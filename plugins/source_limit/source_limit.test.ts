import { afterEach, describe, expect, it } from 'vitest';
import { setupPlugin } from '#plugin/testing.ts';
import { encodeQuery, exchangeUdp } from '#test/dns-client.ts';
import { startServer, type TestServer, UDP_LISTENERS } from '#test/server.ts';
import { until } from '#test/until.ts';
import sourceLimit from './index.ts';

const read = (stanza: string) => {
  const { block, faults } = setupPlugin(sourceLimit, stanza);
  return {
    limit: block.settings.sourceLimit?.limit,
    faults: faults.list.map(({ message, token }) => `${token?.line}:${token?.column} ${message}`),
  };
};

describe('source_limit', () => {
  it('has defaults for all but the rate', () => {
    expect(read('source_limit 100')).toEqual({
      limit: { rate: 100, burst: 100, ipv4Prefix: 32, ipv6Prefix: 128, slip: 2, exempt: [] },
      faults: [],
    });
  });

  it('reads all options', () => {
    const stanza = `source_limit 20 {
      burst 50
      ipv4_prefix 24
      ipv6_prefix 56
      slip 0
      exempt 10.0.0.0/8 192.0.2.1
      exempt 2001:db8::/32
    }`;
    const exempt = [
      { octets: [10, 0, 0, 0], prefix: 8 },
      { octets: [192, 0, 2, 1], prefix: 32 },
      { octets: [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], prefix: 32 },
    ];
    expect(read(stanza)).toEqual({
      limit: { rate: 20, burst: 50, ipv4Prefix: 24, ipv6Prefix: 56, slip: 0, exempt },
      faults: [],
    });
  });

  it.each([
    ['source_limit', ["2:1 Error during parsing: Wrong argument count or unexpected line ending after 'source_limit'"]],
    ['source_limit 1 2', ["2:16 Error during parsing: Wrong argument count or unexpected line ending after '2'"]],
    ['source_limit 0', ['2:14 source_limit needs a whole number from 1 to 1000000, found "0"']],
    ['source_limit 1.5', ['2:14 source_limit needs a whole number from 1 to 1000000, found "1.5"']],
    [
      'source_limit 9 {\nipv4_prefix 33\nslip\nexempt 10.0.0.0/33 x\nexempt\nburts 4\nslip 1 {\n}\n}',
      [
        '3:13 ipv4_prefix needs a whole number from 1 to 32, found "33"',
        "4:1 Error during parsing: Wrong argument count or unexpected line ending after 'slip'",
        '5:8 exempt needs addresses or ranges such as 10.0.0.0/8, found "10.0.0.0/33"',
        '5:20 exempt needs addresses or ranges such as 10.0.0.0/8, found "x"',
        "6:1 Error during parsing: Wrong argument count or unexpected line ending after 'exempt'",
        "7:1 unknown property 'burts'",
        '8:1 slip is given twice',
        "8:1 Error during parsing: Unexpected token '{', expecting argument",
      ],
    ],
  ])('tells all that is wrong with %j', (stanza, faults) => {
    expect(read(stanza).faults).toEqual(faults);
  });
});

describe.each(UDP_LISTENERS)('sources limited, UDP by %s', (udp) => {
  let server: TestServer | null = null;
  afterEach(() => server?.stop());
  /** The clock stands still, so that nobody gets any more. */
  const clock = new Float64Array(new SharedArrayBuffer(8)).fill(1_000_000);
  const corefile = (limit: string): string =>
    `. {\n multisocket 2\n ${limit}\n prometheus 127.0.0.1:0\n cache\n hosts {\n 192.0.2.7 one.test\n }\n}`;

  /** What comes back, one after another: the header's second word, null where nothing does. */
  const ask = async (to: TestServer, times: number): Promise<(number | null)[]> => {
    const replies: (number | null)[] = [];
    for (let i = 0; i < times; i++) {
      const reply = await exchangeUdp(to, encodeQuery('one.test.', 'A', { udpSize: 1232 }), 300);
      replies.push(reply === null ? null : reply.readUInt16BE(2));
    }
    return replies;
  };
  const total = async (to: TestServer, name: string): Promise<number> => {
    const text = await to.services.metrics.render();
    return [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    );
  };
  const [ANSWER, CUT] = [0x8500, 0x8300];

  it('get their burst, then nothing or an empty reply with TC, and over TCP all they ask for', async () => {
    server = await startServer({ udp, clock, corefile: corefile('source_limit 5 {\n slip 2\n }') });
    expect(await ask(server, 5)).toEqual(Array(5).fill(ANSWER));
    const above = await ask(server, 8);
    expect(above.every((word) => word === null || word === CUT)).toBe(true);
    // Two threads count to two by themselves.
    expect(above.filter((word) => word === CUT).length).toBeGreaterThanOrEqual(3);
    for (let i = 0; i < 20; i++)
      expect((await server.query('one.test.', 'A', { transport: 'tcp' })).answer).toHaveLength(1);
    const slipped = above.filter((word) => word === CUT).length;
    await until(async () => (await total(server as TestServer, 'cluster_dns_udp_received_total')) === 13);
    expect(await total(server, 'cluster_dns_source_limit_slipped_total')).toBe(slipped);
    expect(await total(server, 'cluster_dns_source_limit_dropped_total')).toBe(8 - slipped);
    expect(await total(server, 'cluster_dns_udp_limited_total')).toBe(8);
    clock[0] = (clock[0] as number) + 1000;
    expect(await ask(server, 5)).toEqual(Array(5).fill(ANSWER));
  });

  it('have another limit, or none, from a reload on', async () => {
    server = await startServer({ udp, clock, corefile: corefile('') });
    expect(await ask(server, 20)).toEqual(Array(20).fill(ANSWER));
    expect(await server.reload(corefile('source_limit 3 {\n slip 1\n }'))).toBeNull();
    await until(async () => (await ask(server as TestServer, 1))[0] === CUT);
    expect(await server.reload(corefile('source_limit 3 {\n slip 1\n exempt 127.0.0.0/8\n }'))).toBeNull();
    await until(async () => (await ask(server as TestServer, 5)).every((word) => word === ANSWER));
    expect(await server.reload(corefile('source_limit 4 {\n slip 1\n }'))).toBeNull();
    await until(async () => (await ask(server as TestServer, 1))[0] === CUT);
    expect(await server.reload(corefile(''))).toBeNull();
    await until(async () => (await ask(server as TestServer, 8)).every((word) => word === ANSWER));
  });

  it('can have one limit on an address only', async () => {
    const start = startServer({ udp, corefile: 'a.test {\n source_limit 5\n}\nb.test {\n source_limit 6\n}' });
    await expect(start).rejects.toThrow(/has another source_limit/);
    server = await startServer({
      udp,
      corefile: 'a.test {\n source_limit 5\n}\nb.test {\n source_limit 5\n}\nc.test {\n}',
    });
  });
});
