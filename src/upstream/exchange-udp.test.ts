import { afterEach, describe, expect, it } from 'vitest';
import { FLAG } from '#dns/decode.ts';
import { recordsFromText } from '#dns/record-text.ts';
import { answerA, FakeUpstream, type Script } from '#test/fake-upstream.ts';
import { UDP_SOCKETS } from './exchange-udp.ts';
import { isReplyTo } from './reply-check.ts';
import { ask, askedFor, CountingMetrics, questionFor, testUpstream, UDP_LINKS } from './testing.ts';
import type { Upstream } from './upstream.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const serve = async (script?: Script): Promise<FakeUpstream> => {
  const fake = await FakeUpstream.open(script);
  closing.push(() => fake.close());
  return fake;
};

/** Pearson's chi-square of counts that should all be equal. */
const chiSquare = (counts: readonly number[]): number => {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
};

describe.each(UDP_LINKS)('UDP by %s', (_, openLink) => {
  const towards = (fake: { readonly port: number }, options?: Parameters<typeof testUpstream>[1]): Upstream => {
    const upstream = testUpstream(fake.port, { ...options, openLink });
    closing.unshift(() => upstream.close());
    return upstream;
  };

  it('gives the reply with its records and flags', async () => {
    const upstream = towards(await serve());
    const reply = await ask(upstream, 'www.example.org.');
    expect(reply.answer.map(({ rdata }) => [...rdata])).toEqual([[192, 0, 2, 1]]);
    expect(reply.flags & FLAG.RA).toBe(FLAG.RA);
  });

  it('passes over a reply with a wrong ID, and over garbage, and takes the right one after them', async () => {
    const upstream = towards(
      await serve((asked) => {
        asked.reply({ id: asked.message.id ^ 1, answer: recordsFromText('@ 1 IN A 203.0.113.66') });
        asked.send(Buffer.from([asked.message.id >> 8]));
        asked.send(Buffer.alloc(11, 0xff));
        const garbage = Buffer.alloc(40, 0xff);
        garbage.writeUInt16BE(asked.message.id);
        garbage.writeUInt16BE(1, 4);
        asked.send(garbage);
        answerA(asked);
      }),
    );
    expect([...((await ask(upstream, 'a.example.')).answer[0]?.rdata ?? [])]).toEqual([192, 0, 2, 1]);
  });

  it('passes over what is to another question, or no reply, and takes the right one after it', async () => {
    const metrics = new CountingMetrics();
    const evil = recordsFromText('@ 1 IN A 203.0.113.66');
    const upstream = towards(
      await serve((asked) => {
        asked.reply({ question: questionFor('evil.example.'), answer: evil });
        asked.reply({ question: null, answer: evil });
        const noReply = asked.encode({ answer: evil });
        noReply[2] = (noReply[2] as number) & 0x7f;
        asked.send(noReply);
        const otherOpcode = asked.encode({ answer: evil });
        otherOpcode[2] = (otherOpcode[2] as number) | 0x20;
        asked.send(otherOpcode);
        answerA(asked);
      }),
      { metrics },
    );
    expect([...((await ask(upstream, 'good.example.')).answer[0]?.rdata ?? [])]).toEqual([192, 0, 2, 1]);
    expect(metrics.ignored).toEqual({ id: 0, question: 4, format: 0 });
  });

  it('takes an error that came without a question', async () => {
    const upstream = towards(await serve((asked) => asked.reply({ question: null, rcode: 5 })));
    expect((await ask(upstream, 'a.example.')).rcode).toBe(5);
  });

  it('never hears a datagram from another port than the one it asked', async () => {
    const upstream = towards(
      await serve((asked) => {
        const forged = asked.encode({ answer: recordsFromText('@ 1 IN A 203.0.113.66') });
        void asked.sendFromElsewhere(forged).then(() => answerA(asked));
      }),
    );
    expect([...((await ask(upstream, 'a.example.')).answer[0]?.rdata ?? [])]).toEqual([192, 0, 2, 1]);
  });

  it('takes the first of two replies and drops the second, also when the next query is on its way', async () => {
    const fake = await serve((asked) => {
      answerA(asked);
      asked.reply({ answer: recordsFromText('@ 1 IN A 203.0.113.66') });
    });
    const upstream = towards(fake);
    for (let i = 0; i < 40; i++)
      expect([...((await ask(upstream, `n${i}.example.`)).answer[0]?.rdata ?? [])]).toEqual([192, 0, 2, 1]);
  });

  it('drops a reply that comes after the time is over', async () => {
    const held: (() => void)[] = [];
    const fake = await serve((asked) => (held.length === 0 ? held.push(() => answerA(asked)) : answerA(asked)));
    const upstream = towards(fake, { readTimeoutMs: 30 });
    await expect(ask(upstream, 'late.example.')).rejects.toThrow('i/o timeout');
    held[0]?.();
    const reply = await ask(upstream, 'next.example.');
    expect(isReplyTo(askedFor('next.example.'), reply)).toBe(true);
  });

  it('says who did not answer whom, in the words of Go', async () => {
    const fake = await serve(() => undefined);
    const upstream = towards(fake, { readTimeoutMs: 20 });
    await expect(ask(upstream, 'a.example.')).rejects.toThrow(
      new RegExp(`^read udp 127\\.0\\.0\\.1:\\d+->127\\.0\\.0\\.1:${fake.port}: i/o timeout$`),
    );
  });

  it('fails at once where nobody listens', async () => {
    const fake = await FakeUpstream.open();
    const { port } = fake;
    await fake.close();
    const upstream = towards({ port });
    await expect(ask(upstream, 'a.example.')).rejects.toThrow(/^read udp .*: read: connection refused$/);
  });

  it('empties a reply that is larger than the client can take, and sets TC', async () => {
    const many = recordsFromText(Array.from({ length: 60 }, (_, i) => `@ 1 IN A 192.0.2.${i}`).join('\n'));
    const upstream = towards(await serve((asked) => asked.reply({ answer: many })));
    const reply = await ask(upstream, 'big.example.', { maxUdpOctets: 512 });
    expect(reply.answer).toEqual([]);
    expect(reply.flags & FLAG.TC).toBe(FLAG.TC);
    expect(isReplyTo(askedFor('big.example.'), reply)).toBe(true);
    expect((await ask(upstream, 'big.example.', { maxUdpOctets: 4096 })).answer).toHaveLength(60);
  });

  it('empties a reply that ends in the middle of a record, and sets TC', async () => {
    const upstream = towards(
      await serve((asked) => {
        const whole = asked.encode({ answer: recordsFromText('@ 1 IN A 192.0.2.1') });
        asked.send(whole.subarray(0, whole.length - 3));
      }),
    );
    const reply = await ask(upstream, 'cut.example.');
    expect([reply.answer.length, reply.flags & FLAG.TC]).toEqual([0, FLAG.TC]);
  });

  it('keeps many queries in flight and gives each its own reply, in whatever order they come', async () => {
    const waiting: (() => void)[] = [];
    const fake = await serve((asked) => {
      waiting.push(() => answerA(asked));
      if (waiting.length === 200) for (const answer of waiting.reverse()) answer();
    });
    const upstream = towards(fake);
    const names = Array.from({ length: 200 }, (_, i) => `n${i}.example.`);
    const replies = await Promise.all(names.map((name) => ask(upstream, name)));
    expect(replies.every((reply, i) => isReplyTo(askedFor(names[i] as string), reply))).toBe(true);
  });

  it('spreads queries evenly over 16 ports, and IDs over all values', async () => {
    const fake = await serve();
    const metrics = new CountingMetrics();
    const upstream = towards(fake, { metrics });
    for (let round = 0; round < 100; round++)
      await Promise.all(Array.from({ length: 40 }, (_, i) => ask(upstream, `n${round}-${i}.example.`)));
    const byPort = new Map<number, number>();
    const byIdRange = Array.from({ length: 32 }, () => 0);
    for (const { peer, message } of fake.asked) {
      byPort.set(peer.port, (byPort.get(peer.port) ?? 0) + 1);
      byIdRange[message.id >> 11] = (byIdRange[message.id >> 11] as number) + 1;
    }
    expect(fake.asked).toHaveLength(4000);
    expect(byPort.size).toBe(UDP_SOCKETS);
    // One run in a million goes above these (15 and 31 degrees of freedom).
    expect(chiSquare([...byPort.values()])).toBeLessThan(58);
    expect(chiSquare(byIdRange)).toBeLessThan(87);
    expect(new Set(fake.asked.map(({ message }) => message.id)).size).toBeGreaterThan(3700);
    expect(metrics.misses.udp).toBe(UDP_SOCKETS);
    expect(metrics.hits.udp).toBe(4000 - UDP_SOCKETS);
  });
});
