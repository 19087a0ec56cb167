/**
 * A remembered reply is the one that the chain would give, and is counted alike: the same questions at the same moments to a server that
 * remembers nothing and to two that do, one behind listener threads.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { nameFromText } from '#dns/name.ts';
import type { ResourceRecord } from '#dns/record.ts';
import { recordsFromText, recordToText } from '#dns/record-text.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { localAddresses } from '#server/listeners/udp-dgram.ts';
import { encodeQuery, type QueryOptions } from '#test/dns-client.ts';
import { type Asked, FakeUpstream } from '#test/fake-upstream.ts';
import { startServer, type TestServer } from '#test/server.ts';
import { askMany } from './ask-many.ts';
import { counted, rememberedOverUdp } from './counted.ts';

const COREFILE = `. {
  errors
  multisocket 2
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  prometheus 127.0.0.1:0
  hosts {
    192.0.2.7 inline.test
    LARGE
    fallthrough
  }
  MORE
  loadbalance
}`;

/** Lines of hosts: this many addresses of a name. */
const addresses = (count: number, name: string): string =>
  Array.from({ length: count }, (_, i) => `198.51.${100 + (i >> 8)}.${i & 255} ${name}`).join('\n');
/** More than fits in 512 octets, and more than a listener thread remembers. */
const LARGE = `${addresses(60, 'large.test')}\n${addresses(300, 'huge.test')}`;

const NAMES = [
  'hello-world.default.svc.cluster.local.',
  'nginx.default.svc.cluster.local.',
  'dual-stack.default.svc.cluster.local.',
  'multi-port.default.svc.cluster.local.',
  '_http._tcp.multi-port.default.svc.cluster.local.',
  'missing.default.svc.cluster.local.',
  'my-service.prod.svc.cluster.local.',
  '10-244-1-30.default.pod.cluster.local.',
  '44.77.96.10.in-addr.arpa.',
  'default.svc.cluster.local.',
  'cluster.local.',
  'dns-version.cluster.local.',
  'inline.test.',
  'large.test.',
  'huge.test.',
  'elsewhere.test.',
  'missing.test.',
];
const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'SOA', 'NS', 'MX', 'HTTPS', 'ANY'];
const VARIANTS: readonly QueryOptions[] = [
  {},
  { udpSize: 1232 },
  { udpSize: 4096, isDnssecOk: true },
  { udpSize: 512, isCheckingDisabled: true },
  { isAuthenticData: true },
  { isRecursionDesired: false },
  { transport: 'tcp' },
  { transport: 'tcp', udpSize: 1232 },
];
/** ms between a round and the one before it: at the last the negative answers are over and the others are not. */
const AGES = [0, 0, 400, 600, 2000, 6000];
const MIXED_ROUND = 3;
/** Of 8,160 replies, far fewer than there are. Threads have the fewest: TCP is not its own, and it is chance which of the two gets a question, so both must learn the reply. */
const LEAST_HITS = { threads: 300, main: 1500 };

const SOA = 'test. 60 IN SOA ns.test. root.test. 1 60 60 60 60';
/** What is elsewhere: several addresses behind an alias, mail exchangers, texts. */
const ELSEWHERE: ReadonlyMap<number, string> = new Map([
  [
    RR_TYPE.A,
    `@ 20 IN CNAME pool.test.
    pool.test. 25 IN A 192.0.2.1
    pool.test. 25 IN A 192.0.2.2
    pool.test. 25 IN A 192.0.2.3`,
  ],
  [RR_TYPE.MX, '@ 30 IN MX 10 a.test.\n@ 30 IN MX 10 b.test.'],
  [RR_TYPE.TXT, '@ 30 IN TXT "one"\n@ 30 IN TXT "two"'],
]);

const upstreamReply = (asked: Asked): void => {
  const [question] = asked.message.questions;
  const isMissing = question?.name === nameFromText('missing.test.');
  const text = isMissing ? undefined : ELSEWHERE.get(question?.type ?? 0);
  if (text !== undefined) asked.reply({ answer: recordsFromText(text, {}) });
  else asked.reply({ rcode: isMissing ? RCODE.NXDOMAIN : RCODE.NOERROR, authority: recordsFromText(SOA, {}) });
};

const hasIPv6 = localAddresses().includes('::1');

/** 'a' to 'A' in every other letter, as a resolver with 0x20 does. */
const mixCase = (name: string): string =>
  name.replaceAll(/[a-z]/g, (letter, at: number) => (at % 2 === 0 ? letter.toUpperCase() : letter));

/** Records that loadbalance puts in a random order. */
const isShuffled = ({ type }: ResourceRecord): boolean =>
  type === RR_TYPE.A || type === RR_TYPE.AAAA || type === RR_TYPE.MX;

const hasRandomOrder = ({ answer, authority, additional }: Message): boolean =>
  [answer, authority, additional].some((section) => section.filter(isShuffled).length > 1);

/** Header, question and OPT in order; records of a section in any. */
const inAnyOrder = (message: Message): unknown => ({
  ...message,
  answer: message.answer.map(recordToText).sort(),
  authority: message.authority.map(recordToText).sort(),
  additional: message.additional.map(recordToText).sort(),
});

/** The octets of both are the same, but for the order of records where that is random. */
const expectSame = (found: Buffer, expected: Buffer, what: string): void => {
  if (found.equals(expected)) return;
  const [a, b] = [decodeMessage(found) as Message, decodeMessage(expected) as Message];
  expect(inAnyOrder(a), what).toEqual(inAnyOrder(b));
  expect([found.length, hasRandomOrder(a)], what).toEqual([expected.length, true]);
};

describe.each<readonly [title: string, more: string]>([
  ['with cache', 'cache 30'],
  ['with a cache that refreshes early', 'cache 30 {\nprefetch 2 1m 90%\n}'],
  ['without cache', ''],
  ['with cache and bufsize', 'cache 30\nbufsize 900'],
  ['below the limit of its source', 'cache 30\nsource_limit 1000000'],
  ['with cache and an upstream', 'forward . UPSTREAM\ncache 30'],
  ...(hasIPv6 ? [['over IPv6', 'cache 30\nbind ::1'] as const] : []),
])('a remembered reply, %s,', (_title, more) => {
  const clock = new Float64Array(new SharedArrayBuffer(8)).fill(1_000_000);
  let upstream: FakeUpstream;
  let behindThreads: TestServer;
  let byDgram: TestServer;
  let plain: TestServer;
  let servers: readonly TestServer[] = [];

  beforeAll(async () => {
    upstream = await FakeUpstream.open(upstreamReply);
    const corefile = COREFILE.replace('LARGE', LARGE).replace('MORE', more).replace('UPSTREAM', upstream.address);
    // The serial of the SOA is a time: all servers live in the same second. What is cut off depends on the order before.
    const options = { corefile, manifests: 'examples', clock, services: { random: () => 0 } };
    behindThreads = await startServer({ ...options, udp: 'batch' });
    byDgram = await startServer({ ...options, udp: 'dgram' });
    plain = await startServer({ ...options, udp: 'dgram', memoryOctets: 0 });
    servers = [behindThreads, byDgram, plain];
  });
  afterAll(async () => {
    for (const server of [behindThreads, byDgram, plain]) await server?.stop();
    await upstream?.close();
  });

  const compareRound = async (round: number): Promise<void> => {
    const from = byDgram.address;
    const questions = NAMES.flatMap((name) => TYPES.map((type) => ({ name, type })));
    for (const variant of VARIANTS) {
      const queries = questions.map(({ name, type }, i) =>
        encodeQuery(round === MIXED_ROUND ? mixCase(name) : name, type, { ...variant, id: 1000 * round + i }),
      );
      const transport = variant.transport ?? 'udp';
      const [threads, dgram, expected] = (await Promise.all(
        servers.map((server) => askMany(server, transport, queries, from)),
      )) as [Buffer[], Buffer[], Buffer[]];
      for (const [i, { name, type }] of questions.entries()) {
        const what = `${name} ${type} ${JSON.stringify(variant)} round ${round}`;
        expectSame(threads[i] as Buffer, expected[i] as Buffer, `batch: ${what}`);
        expectSame(dgram[i] as Buffer, expected[i] as Buffer, `dgram: ${what}`);
      }
    }
  };

  it('is what the chain would have said, and is counted as the chain would have', { timeout: 120_000 }, async () => {
    for (const [round, ageMs] of AGES.entries()) {
      clock[0] = (clock[0] as number) + ageMs;
      await compareRound(round);
    }
    expect(await counted(behindThreads)).toEqual(await counted(plain));
    expect(await counted(byDgram)).toEqual(await counted(plain));
    expect(await rememberedOverUdp(behindThreads)).toBeGreaterThan(LEAST_HITS.threads);
    expect(await rememberedOverUdp(byDgram)).toBeGreaterThan(LEAST_HITS.main);
  });
});
