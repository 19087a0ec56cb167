import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeMessage, type Message } from '#dns/decode.ts';
import { recordToText } from '#dns/record-text.ts';
import type { Services } from '#plugin/index.ts';
import { encodeQuery, type QueryOptions } from '#test/dns-client.ts';
import { startServer, type TestServer } from '#test/server.ts';

const COREFILE = `. {
  errors
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
    ttl 30
  }
  prometheus 127.0.0.1:0
  hosts {
    192.0.2.7 inline.test
    fallthrough
  }
  CACHE
  loadbalance
}`;

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
  'elsewhere.test.',
];
const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'TXT', 'SOA', 'NS', 'HTTPS', 'ANY'];
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

/** Header, question and OPT in order; records of a section in any order, because loadbalance makes it random. */
const canonical = (message: Message): unknown => ({
  ...message,
  answer: message.answer.map(recordToText).sort(),
  authority: message.authority.map(recordToText).sort(),
  additional: message.additional.map(recordToText).sort(),
});

/** Counters and histograms as the scrape shows them: of durations only the count. */
const counted = async (server: TestServer): Promise<string[]> =>
  (await server.services.metrics.render())
    .split('\n')
    .filter((line) => line.startsWith('coredns_') && !/duration_seconds_(bucket|sum)/.test(line))
    .map((line) => line.replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS'))
    .sort();

/** 'a' to 'A' in every other letter, as a resolver with 0x20 does. */
const mixCase = (name: string): string =>
  name.replaceAll(/[a-z]/g, (letter, at: number) => (at % 2 === 0 ? letter.toUpperCase() : letter));

describe.each([
  ['with cache', 'cache 30', 1500],
  // Negative answers have a serial in them and are remembered only through the cache.
  ['without cache', '', 700],
])('a remembered reply, %s,', (_title, cache, leastHits) => {
  let now = 1_000_000;
  let remembering: TestServer;
  let plain: TestServer;
  beforeAll(async () => {
    // The serial of the SOA is a time: both servers live in the same second.
    const services: Partial<Services> = { clock: { monotonicMs: () => now, wallMs: () => 1_700_000_000_000 + now } };
    const options = { corefile: COREFILE.replace('CACHE', cache), manifests: 'examples', services };
    remembering = await startServer(options);
    plain = await startServer({ ...options, memoryOctets: 0 });
  });
  afterAll(async () => {
    await remembering.stop();
    await plain.stop();
  });

  it('is what the chain would have said, and is counted as the chain would have', async () => {
    let differences = 0;
    for (const [round, ageMs] of [0, 0, 400, 600, 2000].entries()) {
      now += ageMs;
      for (const name of NAMES) {
        for (const type of TYPES) {
          for (const [i, variant] of VARIANTS.entries()) {
            const bytes = encodeQuery(round === 3 ? mixCase(name) : name, type, { ...variant, id: 100 * round + i });
            const transport = variant.transport ?? 'udp';
            const [a, b] = await Promise.all([
              remembering.exchange(bytes, transport),
              plain.exchange(bytes, transport),
            ]);
            const what = `${name} ${type} ${JSON.stringify(variant)} round ${round}`;
            expect(a?.length, what).toBe(b?.length);
            expect(canonical(decodeMessage(a as Buffer) as Message), what).toEqual(
              canonical(decodeMessage(b as Buffer) as Message),
            );
            differences += a?.equals(b as Buffer) ? 0 : 1;
          }
        }
      }
    }
    expect(await counted(remembering)).toEqual(await counted(plain));
    const [group] = remembering.server.configuration?.groups ?? [];
    expect(group?.group.memory?.counts.hits).toBeGreaterThan(leastHits);
    // Only where there are addresses to shuffle may octets differ at all.
    expect(differences).toBeLessThan(400);
  });
});
