import { describe, expect, it } from 'vitest';
import { addressFromText } from '#dns/address.ts';
import { decodeMessage, type Message } from '#dns/decode.ts';
import type { AddressRange, SourceLimit } from '#plugin/index.ts';
import { testServices } from '#plugin/testing.ts';
import { encodeQuery } from '#test/dns-client.ts';
import { LimitKeeper } from './limit-keeper.ts';
import { type SharedLimit, SourceLimiter } from './source-limiter.ts';

const LIMIT: SourceLimit = { rate: 2, burst: 2, ipv4Prefix: 32, ipv6Prefix: 128, slip: 0, exempt: [] };
const range = (text: string): AddressRange => {
  const [address = '', prefix] = text.split('/');
  return { octets: [...(addressFromText(address) as Uint8Array)], prefix: Number(prefix) };
};

const limiterOf = (changed: Partial<SourceLimit>) => {
  const keeper = new LimitKeeper(testServices());
  keeper.change({ ...LIMIT, ...changed }, 'dns://:53');
  const sheet = new Float64Array(16);
  const limiter = new SourceLimiter(keeper.current as SharedLimit, sheet);
  limiter.begin(performance.now());
  const admits = (text: string): boolean => {
    const octets = addressFromText(text) as Uint8Array;
    return limiter.admits(Uint8Array.of(1, 2, 3, ...octets), 3, octets.length);
  };
  return { limiter, admits, sheet };
};

describe('a limiter of sources', () => {
  it.each([
    [{}, '192.0.2.1', '192.0.2.2', '192.0.2.1'],
    [{ ipv4Prefix: 24 }, '192.0.2.1', '192.0.3.1', '192.0.2.99'],
    [{ ipv4Prefix: 23 }, '192.0.2.1', '192.0.4.1', '192.0.3.99'],
    [{ ipv4Prefix: 1 }, '192.0.2.1', '10.0.4.1', '203.0.3.99'],
    [{}, '2001:db8::1', '2001:db8::2', '2001:db8::1'],
    [{ ipv6Prefix: 56 }, '2001:db8::1', '2001:db8:0:100::1', '2001:db8:0:ff::1'],
    [{ ipv6Prefix: 61 }, '2001:db8::1', '2001:db8:0:8::1', '2001:db8:0:7::9'],
    [{ ipv4Prefix: 32, ipv6Prefix: 32 }, '32.1.13.184', '2001:db8::1', '32.1.13.184'],
  ])('with %j has %s apart from %s and together with %s', (changed, one, other, same) => {
    const { admits } = limiterOf(changed);
    expect([admits(one), admits(same), admits(one), admits(same)]).toEqual([true, true, false, false]);
    expect(admits(other)).toBe(true);
  });

  it('lets those who are exempt have any number', () => {
    const { admits } = limiterOf({ exempt: [range('10.0.0.0/9'), range('2001:db8::/127')] });
    const isLimited = (text: string): boolean => [1, 2, 3, 4].some(() => !admits(text));
    expect(['10.0.0.1', '10.127.255.255', '2001:db8::1'].map(isLimited)).toEqual([false, false, false]);
    expect(['10.128.0.1', '11.0.0.1', '2001:db8::2'].map(isLimited)).toEqual([true, true, true]);
  });

  const refuse = (limiter: SourceLimiter, query: Buffer): Buffer => {
    const out = Buffer.alloc(600, 0xee);
    return out.subarray(8, 8 + limiter.refuse(query, query.length, out, 8));
  };

  it.each([
    [0, []],
    [1, [1, 2, 3, 4, 5, 6]],
    [2, [2, 4, 6]],
    [3, [3, 6]],
  ])('with slip %i tells these of those above the limit to come back: %j', (slip, expected) => {
    const { limiter, sheet } = limiterOf({ slip });
    const query = encodeQuery('web.example.', 'A');
    const slipped = [1, 2, 3, 4, 5, 6].filter(() => refuse(limiter, query).length > 0);
    expect(slipped).toEqual(expected);
    expect([...sheet.subarray(0, 2)]).toEqual([6 - expected.length, expected.length]);
  });

  it.each([
    ['a plain query', encodeQuery('Web.Example.', 'A', { id: 77 }), null],
    ['the root', encodeQuery('.', 'NS', { id: 77 }), null],
    [
      'EDNS',
      encodeQuery('Web.Example.', 'A', { id: 77, udpSize: 4096, isDnssecOk: true, isCheckingDisabled: true }),
      4096,
    ],
    [
      'EDNS with options',
      encodeQuery('Web.Example.', 'A', { id: 77, udpSize: 1232, options: [{ code: 10, data: Buffer.alloc(8) }] }),
      1232,
    ],
  ])('answers %s with its question and TC, in no more octets', (_title, query, udpSize) => {
    const { limiter } = limiterOf({ slip: 1 });
    const reply = refuse(limiter, query);
    const [asked, message] = [decodeMessage(query) as Message, decodeMessage(reply) as Message];
    expect(reply.length).toBeLessThanOrEqual(query.length);
    expect(message).toMatchObject({
      id: 77,
      rcode: 0,
      questions: asked.questions,
      answer: [],
      authority: [],
      additional: [],
    });
    expect(message.flags & ~(asked.flags & 0x0110)).toBe(0x8200);
    expect(message.edns?.udpSize ?? null).toBe(udpSize);
    expect(message.edns?.options ?? []).toEqual([]);
  });

  it.each([
    ['a reply', Buffer.concat([Buffer.from([0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from([0, 0, 1, 0, 1])])],
    [
      'another opcode',
      Buffer.concat([Buffer.from([0, 1, 0x28, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from([0, 0, 1, 0, 1])]),
    ],
    ['no question', Buffer.from([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['a name that goes on behind the end', encodeQuery('web.example.', 'A').subarray(0, 20)],
    ['a question without a class', encodeQuery('web.example.', 'A').subarray(0, -2)],
    [
      'a compressed name',
      Buffer.concat([Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
    ],
    ['nothing', Buffer.alloc(0)],
  ])('drops %s, whatever slip says', (_title, query) => {
    expect(refuse(limiterOf({ slip: 1 }).limiter, query)).toHaveLength(0);
  });
});

describe('the limit of an address', () => {
  it('keeps what sources have had over reloads that leave it as it is', () => {
    const keeper = new LimitKeeper(testServices());
    expect([keeper.change(LIMIT, 'a'), keeper.change({ ...LIMIT }, 'a')]).toEqual([true, false]);
    const first = keeper.current;
    expect([keeper.change({ ...LIMIT, slip: 1 }, 'a'), keeper.current === first]).toEqual([true, false]);
    expect([keeper.change(null, 'a'), keeper.current]).toEqual([true, null]);
  });
});
