import { createServer, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Asked, answerA, FakeUpstream } from '#test/fake-upstream.ts';
import { DeadlineList } from './deadline-list.ts';
import { Exchange } from './exchange.ts';
import { StreamExchanger, tcpDialer } from './exchange-tcp.ts';
import { plainQuery } from './probe.ts';
import { ask, CountingMetrics, HandClock, questionFor, testUpstream } from './testing.ts';
import type { Upstream } from './upstream.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const tcp = { isTcp: true };
const connectionsOf = (asked: readonly Asked[]): number[] => asked.map(({ connection }) => connection);

interface Scene {
  readonly fake: FakeUpstream;
  readonly upstream: Upstream;
  readonly clock: HandClock;
  readonly metrics: CountingMetrics;
}

/** An upstream with this many kept connections. */
const withConnections = async (count: number): Promise<Scene> => {
  const held: Asked[] = [];
  const fake = await FakeUpstream.open((asked) => void held.push(asked));
  const clock = new HandClock();
  const metrics = new CountingMetrics();
  const upstream = testUpstream(fake.port, { clock, metrics });
  closing.push(
    () => upstream.close(),
    () => fake.close(),
  );
  const replies = Promise.all(Array.from({ length: count }, (_, i) => ask(upstream, `n${i}.example.`, tcp)));
  await vi.waitFor(() => expect(held).toHaveLength(count));
  for (const asked of held) answerA(asked);
  await replies;
  expect(fake.connections).toBe(count);
  fake.asked.length = 0;
  return { fake, upstream, clock, metrics };
};

describe('a kept connection that falls silent', () => {
  it('has its query asked again on a new one, and is left with all that are as silent', async () => {
    const { fake, upstream, clock, metrics } = await withConnections(3);
    fake.script = (asked) => {
      if (asked.connection >= 3) answerA(asked);
    };
    const reply = ask(upstream, 'a.example.', tcp);
    await vi.waitFor(() => expect(fake.asked).toHaveLength(1));
    clock.nowMs += 210;
    await expect(reply).resolves.toBeDefined();
    expect(connectionsOf(fake.asked)).toEqual([0, 3]);
    await vi.waitFor(() => expect(fake.openConnections).toBe(1));
    await ask(upstream, 'b.example.', tcp);
    expect([fake.connections, metrics.failedChecks]).toEqual([4, 0]);
  });

  it('counts still, if its reply is the first to come', async () => {
    const { fake, upstream, clock } = await withConnections(1);
    const held: Asked[] = [];
    fake.script = (asked) => void held.push(asked);
    const reply = ask(upstream, 'a.example.', tcp);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    clock.nowMs += 210;
    await vi.waitFor(() => expect(held).toHaveLength(2));
    expect(held.map(({ connection }) => connection)).toEqual([0, 1]);
    answerA(held[0] as Asked);
    await expect(reply).resolves.toBeDefined();
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
  });

  it('has all its queries asked again, but no query more than three times', async () => {
    const { fake, upstream, clock } = await withConnections(1);
    fake.script = () => undefined;
    const outcomes = ['a.', 'b.', 'c.'].map((name) => ask(upstream, name, tcp).catch(({ code }) => code));
    for (const count of [3, 6, 9]) {
      await vi.waitFor(() => expect(fake.asked).toHaveLength(count));
      clock.nowMs += 500;
    }
    clock.nowMs += 5000;
    expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 3 }, () => 'upstream-timeout'));
    expect(fake.asked).toHaveLength(9);
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
  });

  it('is not left while it brings replies to others', async () => {
    const { fake, upstream, clock } = await withConnections(1);
    const held: Asked[] = [];
    fake.script = (asked) => void held.push(asked);
    const [slow, ...others] = ['slow.', 'a.', 'b.', 'c.'].map((name) => ask(upstream, name, tcp));
    await vi.waitFor(() => expect(held).toHaveLength(4));
    for (const [n, other] of others.entries()) {
      clock.nowMs += 150;
      answerA(held[n + 1] as Asked);
      await other;
    }
    answerA(held[0] as Asked);
    await slow;
    expect(connectionsOf(fake.asked)).toEqual([0, 0, 0, 0]);
  });
});

describe('a connection that does not come up', () => {
  it('gets company, and the one that comes up first takes the query', async () => {
    const fake = await FakeUpstream.open();
    closing.push(() => fake.close());
    const endpoint = { host: '127.0.0.1', port: fake.port, tls: null, sourceAddress: null };
    const { dial } = tcpDialer(endpoint);
    let dials = 0;
    const dialer = { readyEvent: 'connect', dial: () => (dials++ === 0 ? new Socket() : dial()) } as const;
    const clock = new HandClock();
    const deadlines = new DeadlineList(5000, clock);
    const limits = { expireMs: 10_000, maxAgeMs: 0, maxIdle: 0 };
    const counters = new CountingMetrics().pool('tcp');
    const exchanger = new StreamExchanger(endpoint, dialer, { deadlines, limits, counters, clock });
    closing.unshift(() => exchanger.close());
    const message = plainQuery(questionFor('a.'), true);
    const replied = new Promise((resolve, reject) => {
      const sink = { replied: resolve, failed: reject };
      exchanger.send(new Exchange(message, questionFor('a.'), 512, sink));
    });
    clock.nowMs += 60;
    await expect(replied).resolves.toBeDefined();
    expect([dials, fake.connections]).toEqual([2, 1]);
  });

  it('does not have more than sixteen others beside it', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const dialer = { readyEvent: 'secureConnect', dial: () => new Socket().connect(port, '127.0.0.1') } as const;
    const clock = new HandClock();
    const deadlines = new DeadlineList(50, clock);
    let dials = 0;
    const counters = { ...new CountingMetrics().pool('tcp'), missed: () => void dials++ };
    const limits = { expireMs: 10_000, maxAgeMs: 0, maxIdle: 0 };
    const endpoint = { host: '127.0.0.1', port, tls: null, sourceAddress: null };
    const exchanger = new StreamExchanger(endpoint, dialer, { deadlines, limits, counters, clock });
    closing.push(
      () => exchanger.close(),
      () => server.close(),
    );
    const failures = Array.from(
      { length: 100 },
      () =>
        new Promise<Error>((resolve, reject) => {
          const sink = { replied: reject, failed: resolve };
          const message = plainQuery(questionFor('a.'), true);
          exchanger.send(new Exchange(message, questionFor('a.'), 512, sink, clock.monotonicMs() + 60));
        }),
    );
    await vi.waitFor(() => expect(dials).toBe(16));
    for (const { message } of await Promise.all(failures)) expect(message).toMatch(/i\/o timeout$/);
  });
});
