import { afterEach, describe, expect, it, vi } from 'vitest';
import { textFromName } from '#dns/name.ts';
import { type Asked, answerA, FakeUpstream, type Script } from '#test/fake-upstream.ts';
import { ask, CountingMetrics, HandClock, testUpstream } from './testing.ts';
import type { Upstream } from './upstream.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An upstream whose replies are known to be quick, and that has one kept connection. */
const quick = async (
  options?: Parameters<typeof testUpstream>[1],
): Promise<{ readonly fake: FakeUpstream; readonly upstream: Upstream }> => {
  const fake = await FakeUpstream.open();
  const upstream = testUpstream(fake.port, { clock: new HandClock(), ...options });
  closing.push(
    () => upstream.close(),
    () => fake.close(),
  );
  await ask(upstream, 'first.example.', tcp);
  return { fake, upstream };
};

const tcp = { isTcp: true };
const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `n${i}.example.`);
const nameOf = ({ message }: Asked): string => textFromName(message.questions[0]?.name as never);
const connectionsOf = (asked: readonly Asked[]): number[] => asked.map(({ connection }) => connection);

describe('queries over TCP', () => {
  it('of one turn share a connection where replies are quick, and these may come in any order', async () => {
    const { fake, upstream } = await quick();
    const held: Asked[] = [];
    fake.script = (asked) => void held.push(asked);
    const order: string[] = [];
    const replies = names(10).map(async (name) => {
      await ask(upstream, name, tcp);
      order.push(name);
    });
    await vi.waitFor(() => expect(held).toHaveLength(10));
    expect(new Set(connectionsOf(held))).toEqual(new Set([0]));
    for (const asked of held.reverse()) answerA(asked);
    await Promise.all(replies);
    expect(order).toEqual(names(10).reverse());
    expect(held.map(nameOf)).toEqual(names(10).reverse());
  });

  it('have a connection each where replies are slow', async () => {
    const clock = new HandClock();
    const { fake, upstream } = await quick({ clock });
    fake.script = (asked) => {
      clock.nowMs += 150;
      answerA(asked);
    };
    for (const name of names(2)) await ask(upstream, name, tcp);
    const held: Asked[] = [];
    fake.script = (asked) => void held.push(asked);
    const replies = Promise.all(names(5).map((name) => ask(upstream, name, tcp)));
    await vi.waitFor(() => expect(held).toHaveLength(5));
    expect(connectionsOf(held).sort()).toEqual([0, 1, 2, 3, 4]);
    for (const asked of held) answerA(asked);
    await replies;
  });

  it('do not queue behind one that takes long', async () => {
    const clock = new HandClock();
    const { fake, upstream } = await quick({ clock });
    const held: Asked[] = [];
    fake.script = (asked) => {
      if (nameOf(asked) === 'slow.example.') held.push(asked);
      else answerA(asked);
    };
    const slow = ask(upstream, 'slow.example.', tcp);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    clock.nowMs += 15;
    await ask(upstream, 'a.example.', tcp);
    expect(connectionsOf(fake.asked)).toEqual([0, 0, 1]);
    answerA(held[0] as Asked);
    await slow;
  });

  it('go one at a time, each on a connection of its own, to a peer that closes after one reply', async () => {
    const fake = await FakeUpstream.open();
    const upstream = testUpstream(fake.port, { clock: new HandClock() });
    closing.push(
      () => upstream.close(),
      () => fake.close(),
    );
    const served = new Set<number>();
    const once: Script = (asked) => {
      if (served.has(asked.connection)) return;
      served.add(asked.connection);
      answerA(asked);
      if (isClosing) asked.hangUp();
    };
    fake.script = once;
    let isClosing = false;
    await ask(upstream, 'first.example.', tcp);
    await fake.hangUp();
    isClosing = true;
    await Promise.all(names(20).map((name) => ask(upstream, name, tcp)));
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
    const before = fake.asked.length;
    await Promise.all(names(10).map((name) => ask(upstream, name, tcp)));
    expect(new Set(connectionsOf(fake.asked.slice(before))).size).toBe(10);
    expect(fake.asked.length - before).toBe(10);
  });

  it('are spread over connections that end at times of their own, none later than max_age', async () => {
    const clock = new HandClock();
    const metrics = new CountingMetrics();
    const { fake, upstream } = await quick({ clock, metrics, maxAgeMs: 20_000, expireMs: 20_000 });
    clock.nowMs += 14_000;
    await ask(upstream, 'a.example.', tcp);
    expect(fake.connections).toBe(1);
    clock.nowMs += 6_100;
    await ask(upstream, 'b.example.', tcp);
    expect(fake.connections).toBe(2);
    await vi.waitFor(() => expect(fake.openConnections).toBe(1));
  });

  it('leave a connection that is too old though it is never idle', async () => {
    const clock = new HandClock();
    const { fake, upstream } = await quick({ clock, maxAgeMs: 20_000 });
    const held: Asked[] = [];
    fake.script = (asked) => {
      if (asked.connection === 0) held.push(asked);
      else answerA(asked);
    };
    const old = ask(upstream, 'old.example.', tcp);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    clock.nowMs += 20_100;
    await expect(ask(upstream, 'a.example.', tcp)).resolves.toBeDefined();
    await expect(old).resolves.toBeDefined();
    expect(connectionsOf(held)).toEqual([0]);
    await vi.waitFor(() => expect(fake.openConnections).toBe(1));
  });
});
