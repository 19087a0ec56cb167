import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Asked, answerA, FakeUpstream, type Script } from '#test/fake-upstream.ts';
import { DeadlineList } from './deadline-list.ts';
import { Exchange } from './exchange.ts';
import { UdpExchanger, type UdpLimits } from './exchange-udp.ts';
import { plainQuery } from './probe.ts';
import { CountingMetrics, questionFor, UDP_LINKS } from './testing.ts';
import type { OpenLink } from './udp-link.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

class Clock {
  now = 0;
  monotonicMs(): number {
    return this.now;
  }
}

/** Gives these numbers in turn. */
const sequence = (numbers: number[]): (() => number) => {
  return () => numbers.shift() ?? 0;
};

const setUpWith = async (
  openLink: OpenLink,
  limits: Partial<UdpLimits>,
  script: Script = answerA,
  randomId?: () => number,
) => {
  const fake = await FakeUpstream.open(script);
  const clock = new Clock();
  const deadlines = new DeadlineList(5000, clock);
  const metrics = new CountingMetrics();
  const endpoint = { host: '127.0.0.1', port: fake.port, tls: null, sourceAddress: null };
  const exchanger = new UdpExchanger(endpoint, {
    deadlines,
    clock,
    counters: metrics.pool('udp'),
    limits: { lifetimeMs: 10_000, expireMs: 10_000, queries: 1000, ...limits },
    openLink,
    ...(randomId && { randomId }),
  });
  closing.push(
    () => exchanger.close(),
    () => deadlines.close(),
    () => fake.close(),
  );
  const ask = (): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const question = questionFor('a.example.');
      exchanger.send(new Exchange(plainQuery(question, true), question, 512, { replied: resolve, failed: reject }));
    });
  const ports = (): Set<number> => new Set(fake.asked.map(({ peer }) => peer.port));
  return { fake, clock, metrics, exchanger, ask, ports };
};

describe.each(UDP_LINKS)('UDP sockets by %s', (_, openLink) => {
  const setUp = (limits: Partial<UdpLimits>, script?: Script, randomId?: () => number) =>
    setUpWith(openLink, limits, script, randomId);

  it('are given up after so many queries', async () => {
    const { ask, ports } = await setUp({ queries: 3 });
    for (let i = 0; i < 240; i++) await ask();
    expect(ports().size).toBeGreaterThanOrEqual(70);
  });

  it('are given up when their time is over, with the port', async () => {
    const { ask, ports } = await setUp({ lifetimeMs: 1 });
    // Without an end there would never be more than 16.
    while (ports().size < 40) await ask();
  });

  it('are not used again when they were idle for longer than expire', async () => {
    const { ask, clock, metrics } = await setUp({ expireMs: 100 });
    for (let i = 0; i < 50; i++) {
      clock.now += 101;
      await ask();
    }
    expect(metrics.hits.udp).toBe(0);
  });

  it('still give the reply to a query that was in flight when they were given up', async () => {
    const held: Asked[] = [];
    const { ask, fake } = await setUp({ queries: 1 }, (asked) => held.push(asked), sequence([0, 1, 0, 2]));
    const replies = [ask(), ask()];
    await vi.waitFor(() => expect(fake.asked).toHaveLength(2));
    expect(fake.asked[0]?.peer.port).not.toBe(fake.asked[1]?.peer.port);
    for (const asked of held) answerA(asked);
    expect(await Promise.all(replies)).toHaveLength(2);
  });

  it('never carry two queries with one ID at the same time', async () => {
    const held: Asked[] = [];
    const { ask, fake } = await setUp({}, (asked) => held.push(asked), sequence([5, 7, 5, 7, 7, 8]));
    const replies = [ask(), ask()];
    await vi.waitFor(() => expect(fake.asked).toHaveLength(2));
    expect(fake.asked.map(({ message }) => message.id)).toEqual([7, 8]);
    for (const asked of held) answerA(asked);
    expect(await Promise.all(replies)).toHaveLength(2);
  });

  it('fail what is in flight when they are closed, and leave nothing open', async () => {
    const { ask, exchanger } = await setUp({}, () => undefined);
    const asked = Array.from({ length: 20 }, () => ask().catch((error: Error) => error.message));
    exchanger.close();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['proxy: transport stopped']));
    await expect(ask()).rejects.toThrow('proxy: transport stopped');
  });
});
