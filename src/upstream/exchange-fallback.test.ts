import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { ask, CountingMetrics, HandClock, testUpstream } from './testing.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const tcp = { isTcp: true };

describe('with udp_fallback', () => {
  it('queries go by TCP, by UDP where that is refused, and by TCP again when it is back', async () => {
    const fake = await FakeUpstream.open();
    const metrics = new CountingMetrics();
    const clock = new HandClock();
    const upstream = testUpstream(fake.port, { isUdpFallback: true, metrics, clock });
    closing.push(
      () => upstream.close(),
      () => fake.close(),
    );
    await ask(upstream, 'a.', tcp);
    await fake.closeTcp();
    await ask(upstream, 'b.', tcp);
    await ask(upstream, 'c.', tcp);
    await fake.openTcp();
    await vi.waitFor(async () => {
      clock.nowMs += 500;
      await ask(upstream, 'd.', tcp);
      expect(fake.asked.at(-1)?.protocol).toBe('tcp');
    });
    expect(fake.asked.slice(0, 3).map(({ protocol }) => protocol)).toEqual(['tcp', 'udp', 'udp']);
    expect(metrics.fallbacks).toBe(fake.asked.filter(({ protocol }) => protocol === 'udp').length);
  });

  it('a query fails with what UDP says where that does not help', async () => {
    const fake = await FakeUpstream.open();
    const { port } = fake;
    await fake.close();
    const upstream = testUpstream(port, { isUdpFallback: true });
    closing.push(() => upstream.close());
    await expect(ask(upstream, 'a.', tcp)).rejects.toThrow(/^read udp .*: connection refused$/);
  });

  it('a query that UDP is silent about is asked again from another socket, and the first reply counts', async () => {
    const ports = new Set<number>();
    const socket = createSocket('udp4');
    socket.on('message', (query, { port, address }) => {
      ports.add(port);
      const reply = Buffer.from(query);
      reply.writeUInt8(query.readUInt8(2) | 0x80, 2);
      if (ports.size > 1) socket.send(reply, port, address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const upstream = testUpstream(socket.address().port, { isUdpFallback: true });
    closing.push(
      () => upstream.close(),
      () => socket.close(),
    );
    const { rcode } = await ask(upstream, 'a.', tcp);
    expect([rcode, ports.size]).toEqual([0, 2]);
  });

  it('a query that TCP took and did not answer does not go by UDP', async () => {
    const fake = await FakeUpstream.open(() => undefined);
    const upstream = testUpstream(fake.port, { isUdpFallback: true, readTimeoutMs: 30 });
    closing.push(
      () => upstream.close(),
      () => fake.close(),
    );
    await expect(ask(upstream, 'a.', tcp)).rejects.toThrow(/^read tcp .*: i\/o timeout$/);
    expect(fake.asked.every(({ protocol }) => protocol === 'tcp')).toBe(true);
  });
});
