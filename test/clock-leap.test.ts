import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '#test/dns-client.ts';
import { answerA, FakeUpstream } from '#test/fake-upstream.ts';
import { startServer, type TestServer, UDP_LISTENERS } from '#test/server.ts';

const KNOWN = 'hello-world.default.svc.cluster.local.';
const HOUR_MS = 3_600_000;

describe('a monotonic clock that leaps an hour, as on a machine that slept', () => {
  let server: TestServer | null = null;
  let upstream: FakeUpstream | null = null;
  afterEach(async () => {
    await server?.stop();
    await upstream?.close();
    server = null;
    upstream = null;
  });

  it.each(UDP_LISTENERS)('makes what is older than its TTL asked for again, by %s', async (udp) => {
    const clock = new Float64Array(new SharedArrayBuffer(8));
    const fake = await FakeUpstream.open(answerA);
    upstream = fake;
    const corefile = `. {\n    cache 300\n    kubernetes cluster.local {\n        ttl 30\n    }\n    forward . ${fake.address}\n}\n`;
    const running = await startServer({ corefile, manifests: 'examples', clock, udp });
    server = running;
    const ttlOf = async (name: string, transport: 'udp' | 'tcp'): Promise<number> =>
      (await ask(running, name, 'A', { transport })).answer[0]?.ttl ?? -1;
    for (const leaps of [0, 1, 2]) {
      clock[0] = leaps * HOUR_MS;
      // The first asks upstream, the others find it cached and then remembered.
      for (let n = 0; n < 4; n++)
        for (const transport of ['udp', 'tcp'] as const) {
          expect(await ttlOf('a.example.org.', transport)).toBe(300);
          expect(await ttlOf(KNOWN, transport)).toBe(30);
        }
      expect(fake.asked).toHaveLength(leaps + 1);
      clock[0] += 10_000;
      for (const transport of ['udp', 'tcp'] as const) {
        expect(await ttlOf('a.example.org.', transport)).toBe(290);
        expect(await ttlOf(KNOWN, transport)).toBe(20);
      }
    }
    expect(running.logLines.filter((line) => /^(?:warning|error)/.test(line))).toEqual([]);
  });
});
