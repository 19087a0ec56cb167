import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createSecureContext } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { answerA, FakeUpstream, type Script, TLS_FILES } from '#test/fake-upstream.ts';
import { DeadlineList } from './deadline-list.ts';
import { Exchange } from './exchange.ts';
import { StreamExchanger } from './exchange-tcp.ts';
import { plainQuery } from './probe.ts';
import { isReplyTo } from './reply-check.ts';
import { ask, askedFor, CountingMetrics, questionFor, testUpstream } from './testing.ts';
import type { Upstream } from './upstream.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const serve = async (script?: Script, transport?: 'plain' | 'tls'): Promise<FakeUpstream> => {
  const fake = await FakeUpstream.open(script, transport);
  closing.push(() => fake.close());
  return fake;
};

const towards = (fake: FakeUpstream, options?: Parameters<typeof testUpstream>[1]): Upstream => {
  const upstream = testUpstream(fake.port, options);
  closing.unshift(() => upstream.close());
  return upstream;
};

const tcp = { isTcp: true };

describe('TCP', () => {
  it('keeps a connection for the next query', async () => {
    const fake = await serve();
    const metrics = new CountingMetrics();
    const upstream = towards(fake, { metrics });
    for (let i = 0; i < 5; i++) await ask(upstream, `n${i}.example.`, tcp);
    expect(fake.connections).toBe(1);
    expect([metrics.misses.tcp, metrics.hits.tcp]).toEqual([1, 4]);
  });

  it('opens a new connection without a word where the upstream closed the idle one', async () => {
    const fake = await serve();
    const upstream = towards(fake);
    await ask(upstream, 'a.example.', tcp);
    await fake.hangUp();
    await expect(ask(upstream, 'b.example.', tcp)).resolves.toBeDefined();
    expect(fake.connections).toBe(2);
  });

  it('asks again where the upstream closes a kept connection instead of answering', async () => {
    const fake = await serve((asked) => {
      if (asked.connection === 0 && fake.asked.length > 1) asked.hangUp();
      else answerA(asked);
    });
    const upstream = towards(fake);
    await ask(upstream, 'a.example.', tcp);
    await expect(ask(upstream, 'b.example.', tcp)).resolves.toBeDefined();
    expect(fake.asked.map(({ connection }) => connection)).toEqual([0, 0, 1]);
  });

  it('says EOF where the upstream closes a new connection instead of answering', async () => {
    const upstream = towards(await serve((asked) => asked.hangUp()));
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow(/^EOF$/);
  });

  it('reads replies that come in pieces, and passes over one with a wrong ID', async () => {
    const upstream = towards(
      await serve((asked) => {
        asked.reply({ id: asked.message.id ^ 1 });
        answerA(asked);
      }),
    );
    expect((await ask(upstream, 'a.example.', tcp)).answer).toHaveLength(1);
  });

  it('closes a connection on which the reply is to another question, or is none', async () => {
    const fake = await serve((asked) => {
      if (fake.asked.length === 1) asked.reply({ question: questionFor('evil.example.') });
      else asked.send(Buffer.concat([asked.bytes.subarray(0, 2), Buffer.alloc(9, 0xff)]));
    });
    const metrics = new CountingMetrics();
    const upstream = towards(fake, { metrics });
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow('dns: bad reply: it is to another question');
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow('dns: bad reply: header is cut short');
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
    expect([fake.connections, metrics.ignored]).toEqual([2, { id: 0, question: 1, format: 1 }]);
  });

  it('has no more connections than it may, and queries take turns on them', async () => {
    const held: (() => void)[] = [];
    const fake = await serve((asked) => held.push(() => answerA(asked)));
    const upstream = towards(fake, { maxConnections: 3 });
    const names = Array.from({ length: 20 }, (_, i) => `n${i}.example.`);
    const replies = Promise.all(names.map((name) => ask(upstream, name, tcp)));
    for (let n = 0; n < names.length; n++) {
      await vi.waitFor(() => expect(held.length).toBeGreaterThan(n));
      if (n === 0) await vi.waitFor(() => expect(held).toHaveLength(3));
      held[n]?.();
    }
    expect((await replies).every((reply, i) => isReplyTo(askedFor(names[i] as string), reply))).toBe(true);
    expect(fake.connections).toBe(3);
  });

  it('those that wait for a connection fail in time, and get one where another fails', async () => {
    const silent = await serve(() => undefined);
    const waiting = towards(silent, { maxConnections: 1, readTimeoutMs: 30 });
    const failures = ['a.', 'b.', 'c.'].map((name) => ask(waiting, name, tcp).catch(({ message }) => message));
    for (const message of await Promise.all(failures)) expect(message).toMatch(/i\/o timeout$/);
    const fake = await serve((asked) => (fake.asked.length <= 2 ? asked.hangUp() : answerA(asked)));
    const upstream = towards(fake, { maxConnections: 1 });
    const outcomes = ['a.', 'b.', 'c.'].map((name) => ask(upstream, name, tcp).then(String, ({ message }) => message));
    expect(await Promise.all(outcomes)).toEqual(['EOF', 'EOF', '[object Object]']);
    expect(fake.connections).toBe(3);
  });

  it('fails those that wait for a connection when it is closed', async () => {
    const fake = await serve(() => upstream.close());
    const upstream = towards(fake, { maxConnections: 1 });
    const failures = ['a.', 'b.'].map((name) => ask(upstream, name, tcp).catch(({ message }) => message));
    expect(await Promise.all(failures)).toEqual(['proxy: transport stopped', 'proxy: transport stopped']);
  });

  it('gives a query that a kept connection lost a new one, however many are kept', async () => {
    let isHostile = false;
    const held: (() => void)[] = [];
    const fake = await serve((asked) => {
      if (isHostile) asked.hangUp();
      else held.push(() => answerA(asked));
    });
    const upstream = towards(fake);
    const replies = Promise.all(['a.', 'b.', 'c.', 'd.'].map((name) => ask(upstream, name, tcp)));
    await vi.waitFor(() => expect(held).toHaveLength(4));
    for (const answer of held) answer();
    await replies;
    isHostile = true;
    await expect(ask(upstream, 'e.', tcp)).rejects.toThrow('EOF');
    expect(fake.asked.slice(4).map(({ connection }) => connection)).toEqual([expect.any(Number), 4]);
  });

  it('waits for a connection no longer than the query has time', async () => {
    // Nothing reads from it, so the handshake is all that can end.
    const { port } = await serve();
    const dialer = { readyEvent: 'secureConnect', dial: () => connect({ port, host: '127.0.0.1' }) } as const;
    const clock = { monotonicMs: () => performance.now() };
    const deadlines = new DeadlineList(5000, clock);
    const endpoint = { host: '127.0.0.1', port, tls: null, sourceAddress: null };
    const limits = { expireMs: 10_000, maxAgeMs: 0, maxIdle: 0 };
    const counters = new CountingMetrics().pool('tcp');
    const exchanger = new StreamExchanger(endpoint, dialer, { deadlines, limits, counters, clock });
    closing.unshift(() => exchanger.close());
    const failure = new Promise<Error>((resolve, reject) => {
      const sink = { replied: () => reject(new Error('replied')), failed: resolve };
      const message = plainQuery(questionFor('a.'), true);
      exchanger.send(new Exchange(message, questionFor('a.'), 512, sink, clock.monotonicMs() + 20));
    });
    expect((await failure).message).toBe(`dial tcp 127.0.0.1:${port}: i/o timeout`);
  });

  it('closes a connection on which something came unasked', async () => {
    const fake = await serve((asked) => {
      answerA(asked);
      answerA(asked);
    });
    const upstream = towards(fake);
    await ask(upstream, 'a.example.', tcp);
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
    const reply = await ask(upstream, 'b.example.', tcp);
    expect(isReplyTo(askedFor('b.example.'), reply)).toBe(true);
    expect(fake.connections).toBe(2);
  });

  it('says who did not answer, and gives the connection up', async () => {
    const fake = await serve(() => undefined);
    const upstream = towards(fake, { readTimeoutMs: 30 });
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow(
      new RegExp(`^read tcp 127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${fake.port}: i/o timeout$`),
    );
    await vi.waitFor(() => expect(fake.openConnections).toBe(0));
  });

  it('says so where nobody listens', async () => {
    const fake = await FakeUpstream.open();
    const { port } = fake;
    await fake.close();
    const upstream = testUpstream(port);
    closing.push(() => upstream.close());
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow(
      `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
  });

  it('keeps at most max_idle_conns connections, and none for longer than expire', async () => {
    const fake = await serve();
    const capped = towards(fake, { maxIdleConnections: 1 });
    await Promise.all([ask(capped, 'a.example.', tcp), ask(capped, 'b.example.', tcp)]);
    expect(fake.connections).toBe(2);
    await vi.waitFor(() => expect(fake.openConnections).toBe(1));
    const expiring = towards(fake, { expireMs: 0 });
    await ask(expiring, 'e.example.', tcp);
    await ask(expiring, 'f.example.', tcp);
    expect(fake.connections).toBe(4);
  });

  it('fails what is in flight when it is closed', async () => {
    const fake = await serve(() => upstream.close());
    const upstream = towards(fake);
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow('proxy: transport stopped');
    await expect(ask(upstream, 'a.example.', tcp)).rejects.toThrow('proxy: transport stopped');
  });
});

describe('TLS', () => {
  const trusting = (): ReturnType<typeof createSecureContext> =>
    createSecureContext({ ca: readFileSync(TLS_FILES.ca), minVersion: 'TLSv1.2' });

  it('asks over TLS whatever the client came over, and keeps the connection', async () => {
    const fake = await serve(undefined, 'tls');
    const metrics = new CountingMetrics();
    const upstream = towards(fake, { tls: { context: trusting(), serverName: 'localhost' }, metrics });
    await ask(upstream, 'a.example.');
    await ask(upstream, 'b.example.', tcp);
    expect(fake.connections).toBe(1);
    expect([metrics.misses['tcp-tls'], metrics.hits['tcp-tls']]).toEqual([1, 1]);
  });

  it('checks the certificate against the address where no name is given', async () => {
    const upstream = towards(await serve(undefined, 'tls'), { tls: { context: trusting(), serverName: '' } });
    await expect(ask(upstream, 'a.example.')).resolves.toBeDefined();
  });

  it('refuses a certificate for another name', async () => {
    const upstream = towards(await serve(undefined, 'tls'), {
      tls: { context: trusting(), serverName: 'dns.example.net' },
    });
    await expect(ask(upstream, 'a.example.')).rejects.toThrow(/^tls: failed to verify certificate: x509: /);
  });

  it('refuses a certificate of an authority that is not trusted', async () => {
    const upstream = towards(await serve(undefined, 'tls'), {
      tls: { context: createSecureContext(), serverName: 'localhost' },
    });
    await expect(ask(upstream, 'a.example.')).rejects.toThrow(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  it('connects again where the upstream closed the connection, resuming the session', async () => {
    const fake = await serve(undefined, 'tls');
    const upstream = towards(fake, { tls: { context: trusting(), serverName: 'localhost' } });
    await ask(upstream, 'a.example.');
    await fake.hangUp();
    await expect(ask(upstream, 'b.example.')).resolves.toBeDefined();
    expect(fake.resumed).toBe(1);
  });

  it('fails where the upstream speaks no TLS', async () => {
    const fake = await serve();
    const upstream = towards(fake, { tls: { context: trusting(), serverName: '' } });
    const failure = ask(upstream, 'a.example.').catch((error: Error) => error.message);
    await vi.waitFor(() => expect(fake.openConnections).toBe(1));
    await fake.hangUp();
    expect(await failure).toMatch(/^dial tcp 127\.0\.0\.1:\d+: /);
  });
});
