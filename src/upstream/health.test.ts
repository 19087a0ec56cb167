import { afterEach, describe, expect, it, vi } from 'vitest';
import { FLAG } from '#dns/decode.ts';
import { textFromName } from '#dns/name.ts';
import { RCODE } from '#dns/registry/rcodes.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { Health } from './health.ts';
import { CountingMetrics, testUpstream } from './testing.ts';
import { DEFAULT_UPSTREAM_OPTIONS } from './upstream.ts';

afterEach(() => vi.useRealTimers());

/** A probe that is answered by hand. */
const setUp = () => {
  const waiting: ((error: Error | null) => void)[] = [];
  let failures = 0;
  const health = new Health(
    (done) => {
      waiting.push(done);
      return () => undefined;
    },
    500,
    () => failures++,
  );
  return { health, waiting, failures: () => failures };
};

describe('health', () => {
  it('sends no probe until it is told to, and then one at a time', () => {
    const { health, waiting } = setUp();
    expect(waiting).toHaveLength(0);
    health.check();
    health.check();
    expect(waiting).toHaveLength(1);
  });

  it('is down with more failed probes than allowed, and up again after the first that is answered', () => {
    vi.useFakeTimers();
    const { health, waiting, failures } = setUp();
    health.check();
    for (const isDown of [false, false, true, true]) {
      waiting.at(-1)?.(new Error('i/o timeout'));
      expect(health.isDown(2)).toBe(isDown);
      vi.advanceTimersByTime(500);
    }
    expect([waiting.length, failures(), health.isDown(0)]).toEqual([5, 4, false]);
    waiting.at(-1)?.(null);
    expect([health.isDown(2), health.fails]).toEqual([false, 0]);
    vi.advanceTimersByTime(10_000);
    expect(waiting).toHaveLength(5);
    health.check();
    expect(waiting).toHaveLength(6);
  });

  it('sends no more probes once stopped', () => {
    vi.useFakeTimers();
    const { health, waiting } = setUp();
    health.check();
    waiting[0]?.(new Error('i/o timeout'));
    health.stop();
    vi.advanceTimersByTime(10_000);
    health.check();
    expect(waiting).toHaveLength(1);
  });

  it('probes with an NS query, and takes any reply for life, SERVFAIL too', async () => {
    const fake = await FakeUpstream.open((asked) => asked.reply({ rcode: RCODE.SERVFAIL }));
    const metrics = new CountingMetrics();
    const upstream = testUpstream(fake.port, { metrics });
    upstream.health.check();
    await vi.waitFor(() => expect(fake.asked).toHaveLength(1));
    const question = fake.asked[0]?.message.questions[0];
    expect([question && textFromName(question.name), question?.type]).toEqual(['.', RR_TYPE.NS]);
    expect((fake.asked[0]?.message.flags ?? 0) & FLAG.RD).toBe(FLAG.RD);
    expect(metrics.failedChecks).toBe(0);
    upstream.close();
    await fake.close();
  });

  it.each([
    ['UDP', false],
    ['TCP', true],
  ])('goes on probing over %s until something comes back', async (_, isTcp) => {
    const fake = await FakeUpstream.open((asked) => {
      if (fake.asked.length > 3) asked.reply();
      else asked.hangUp();
    });
    const metrics = new CountingMetrics();
    const health = {
      ...DEFAULT_UPSTREAM_OPTIONS.health,
      isTcp,
      intervalMs: 5,
      timeoutMs: 50,
      isRecursionDesired: false,
    };
    const upstream = testUpstream(fake.port, { metrics, health });
    upstream.health.check();
    await vi.waitFor(() => expect(metrics.failedChecks).toBe(3));
    await vi.waitFor(() => expect(upstream.health.fails).toBe(0));
    expect(fake.asked.map(({ protocol }) => protocol)).toEqual(Array(4).fill(isTcp ? 'tcp' : 'udp'));
    expect((fake.asked[0]?.message.flags ?? FLAG.RD) & FLAG.RD).toBe(0);
    upstream.close();
    await fake.close();
  });
});
