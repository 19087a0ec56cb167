import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText, recordToText } from '#dns/record-text.ts';
import { Answer, DROP, type Reply } from '#plugin/index.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import definition from './index.ts';
import { roundRobin } from './round-robin.ts';

const records = (...texts: string[]): ResourceRecord[] => texts.map((text) => recordFromText(`${text}`));
const addresses = (count: number): ResourceRecord[] =>
  records(...Array.from({ length: count }, (_, i) => `a.org. 30 IN A 10.0.0.${i}`));
const lastOctets = (section: readonly ResourceRecord[]): number[] => section.map(({ rdata }) => rdata.at(-1) as number);

/** What a stanza makes of a reply, with this random number. */
const balanced = (stanza: string, reply: Reply, random = 0, type = 'A'): Reply => {
  const { instance } = setupPlugin(definition, stanza, { services: testServices({ random: () => random }) });
  return instance?.handle?.(testQuery('a.org.', type), () => reply) as Reply;
};

describe('round robin', () => {
  it('puts CNAMEs first, then other types, then addresses, then MX', () => {
    const answer = records(
      'a.org. 30 IN MX 1 m.org.',
      'a.org. 30 IN A 10.0.0.1',
      'a.org. 30 IN TXT "x"',
      'a.org. 30 IN AAAA ::1',
      'a.org. 30 IN CNAME b.org.',
    );
    const reply = balanced(
      'loadbalance',
      new Answer({ answer, authority: answer, additional: answer }),
      0.99,
    ) as Answer;
    for (const section of [reply.answer, reply.authority, reply.additional])
      expect(section.map(recordToText).map((text) => text.split(' ')[3])).toEqual(['CNAME', 'TXT', 'A', 'AAAA', 'MX']);
  });

  it('swaps two addresses half of the time', () => {
    expect(lastOctets(roundRobin(addresses(2), () => 0.49))).toEqual([1, 0]);
    expect(lastOctets(roundRobin(addresses(2), () => 0.5))).toEqual([0, 1]);
  });

  it('shuffles A and AAAA together, and MX by themselves', () => {
    const answer = records(
      'a.org. 30 IN A 10.0.0.1',
      'a.org. 30 IN AAAA ::2',
      'a.org. 30 IN MX 1 m.org.',
      'a.org. 30 IN MX 2 n.org.',
    );
    expect(roundRobin(answer, () => 0).map(recordToText)).toEqual([
      'a.org. 30 IN AAAA ::2',
      'a.org. 30 IN A 10.0.0.1',
      'a.org. 30 IN MX 2 n.org.',
      'a.org. 30 IN MX 1 m.org.',
    ]);
  });

  it('gives each address each place equally often', () => {
    const seen = new Map<string, number>();
    const steps = [0, 1 / 3, 2 / 3];
    for (const first of steps)
      for (const second of [0, 0.5]) {
        const draws = [first + 0.01, second + 0.01];
        const order = lastOctets(roundRobin(addresses(3), () => draws.shift() as number)).join('');
        seen.set(order, (seen.get(order) ?? 0) + 1);
      }
    expect([...seen.keys()].sort()).toEqual(['012', '021', '102', '120', '201', '210']);
  });

  it('gives the reply itself back where there is nothing to do', () => {
    const reply = new Answer({
      answer: addresses(1),
      additional: records('a.org. 30 IN TXT "x"', 'a.org. 30 IN TXT "y"'),
    });
    expect(balanced('loadbalance', reply)).toBe(reply);
  });

  it.each([
    ['an error', 'A', new Answer({ rcode: 3, answer: addresses(2) })],
    ['a transfer', 'AXFR', new Answer({ answer: addresses(2) })],
    ['a drop', 'A', DROP],
  ])('leaves %s alone', (_, type, reply) => {
    expect(balanced('loadbalance', reply, 0, type)).toBe(reply);
  });

  it('neither loses a record nor changes the section it was given', () => {
    const record = fc.constantFrom(
      ...addresses(4),
      ...records('a.org. 30 IN CNAME b.org.', 'a.org. 30 IN MX 1 m.org.', 'a.org. 30 IN TXT "x"'),
    );
    fc.assert(
      fc.property(fc.array(record), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (section, draw) => {
        const before = section.slice();
        const after = roundRobin(section, () => draw);
        expect(section).toEqual(before);
        expect(after.map(recordToText).sort()).toEqual(before.map(recordToText).sort());
      }),
    );
  });

  it('waits for a reply that comes later', async () => {
    const { instance } = setupPlugin(definition, 'loadbalance', { services: testServices({ random: () => 0 }) });
    const reply = await instance?.handle?.(testQuery('a.org.', 'A'), async () => new Answer({ answer: addresses(2) }));
    expect(lastOctets((reply as Answer).answer)).toEqual([1, 0]);
  });
});

describe('the provenance', () => {
  it.each([
    ['loadbalance', true, true],
    ['loadbalance {\n prefer 10.0.0.0/8\n}', false, false],
    ['loadbalance weighted no-such-file', false, false],
  ])('with `%s` says whether to rotate (%s) and to repeat (%s)', (stanza, isRotated, isRepeatable) => {
    const { instance } = setupPlugin(definition, stanza);
    const query = testQuery('a.org.', 'A');
    instance?.handle?.(query, () => new Answer({ answer: addresses(2) }));
    expect(query.provenance).toMatchObject({ isRotated, isRepeatable });
  });
});

describe('prefer', () => {
  it('puts addresses of its subnets first, in their order, in answer and additional section', () => {
    const section = records(
      'a.org. 30 IN A 10.9.30.1',
      'a.org. 30 IN A 192.168.1.2',
      'a.org. 30 IN AAAA 2001:db8::1',
      'a.org. 30 IN A 10.9.20.5',
      'a.org. 30 IN TXT "x"',
      'a.org. 30 IN CNAME b.org.',
    );
    const reply = new Answer({ answer: section, additional: section });
    const got = balanced(
      'loadbalance {\n prefer 2001:db8::/32 10.9.20.0/23\n prefer 10.9.0.0/17\n}',
      reply,
      0.999,
    ) as Answer;
    const expected = ['CNAME b.org.', 'AAAA 2001:db8::1', 'A 10.9.20.5', 'A 10.9.30.1', 'A 192.168.1.2', 'TXT "x"'];
    for (const each of [got.answer, got.additional])
      expect(each.map(recordToText)).toEqual(expected.map((text) => `a.org. 30 IN ${text}`));
  });
});

describe('faults', () => {
  it.each([
    ['loadbalance fleeb', 'unknown policy: fleeb'],
    ['loadbalance round_robin a', 'Error during parsing: unknown property for round_robin'],
    ['loadbalance weighted', 'Error during parsing: missing weight file argument'],
    ['loadbalance weighted a b', 'Error during parsing: unexpected argument(s)'],
    ['loadbalance weighted a {\n susu\n}', "Error during parsing: unknown property 'susu'"],
    ['loadbalance weighted a {\n prefer 10.0.0.0/8\n}', "Error during parsing: unknown property 'prefer'"],
    ['loadbalance weighted a {\n reload\n}', 'Error during parsing: reload duration value is missing'],
    ['loadbalance weighted a {\n reload a\n}', "Error during parsing: invalid reload duration 'a'"],
    ['loadbalance weighted a {\n reload -1s\n}', "Error during parsing: invalid reload duration '-1s'"],
    ['loadbalance weighted a {\n reload 30s a\n}', 'Error during parsing: unexpected argument'],
    ['loadbalance {\n reload 1s\n}', "Error during parsing: unknown property 'reload'"],
    [
      'loadbalance {\n prefer 10.0.0.0/33\n}',
      'Error during parsing: invalid CIDR "10.0.0.0/33": invalid CIDR address: 10.0.0.0/33',
    ],
  ])('of `%s`', (stanza, fault) => {
    expect(setupPlugin(definition, stanza).faults.list.map(({ message }) => message)).toEqual([fault]);
  });
});
