import { describe, expect, it } from 'vitest';
import { parseListing } from '#netfilter/nft/listing.ts';
import { permanentText, readComment } from './permanent-text.ts';
import type { Plan } from './plan.ts';
import { isSameTable } from './same-table.ts';

const PLAN: Plan = {
  family: 4,
  addresses: [
    { address: '169.254.20.10', elsewhere: 'fallback' },
    { address: '10.96.0.10', elsewhere: 'service' },
    { address: '169.254.20.11', elsewhere: 'fallback' },
  ],
  dnsPort: 53,
  healthPort: 8080,
  fallback: '10.96.0.11',
  hasZones: true,
  markBit: 0x800000,
};

const rulesOf = (plan: Plan, chain: string): readonly string[] =>
  parseListing(permanentText(plan)).chains.get(chain)?.rules ?? [];

describe('the permanent table', () => {
  it('knows all addresses', () => {
    const { sets } = parseListing(permanentText(PLAN));
    expect([...(sets.get('addresses')?.elements.keys() ?? [])].sort()).toEqual([
      '10.96.0.10',
      '169.254.20.10',
      '169.254.20.11',
    ]);
  });

  it('rewrites each link-local address in a zone of its own, and its replies by that zone', () => {
    const zones = rulesOf(PLAN, 'fallback').flatMap((rule) => {
      const [, address, zone] = /daddr (169\S+) ct original zone set (\d+) ip daddr set 10\.96\.0\.11/.exec(rule) ?? [];
      return address === undefined ? [] : [[zone, address] as const];
    });
    expect(zones.map(([, address]) => address)).toEqual(['169.254.20.10', '169.254.20.11']);
    expect(new Set(zones.map(([zone]) => zone)).size).toBe(2);
    for (const chain of ['input', 'postrouting'])
      for (const [zone, address] of zones)
        expect(rulesOf(PLAN, chain)).toContain(
          `ct direction reply ct original zone ${zone} ip saddr 10.96.0.11 ip saddr set ${address}`,
        );
  });

  it('has a query to a cluster IP tracked, and does not touch its destination', () => {
    const rules = rulesOf({ ...PLAN, addresses: [{ address: '10.96.0.10', elsewhere: 'service' }] }, 'fallback');
    expect(rules).toEqual(['ct original zone set 0']);
  });

  it('keeps what has nowhere else to go out of conntrack', () => {
    const plan: Plan = { ...PLAN, fallback: null, addresses: [{ address: '169.254.20.10', elsewhere: 'nowhere' }] };
    expect(rulesOf(plan, 'query')).toContain('ip daddr 169.254.20.10 notrack accept');
    expect(parseListing(permanentText(plan)).chains.has('input')).toBe(false);
  });

  it('uses the mark where there are no zones, and gives the bit back', () => {
    const plan: Plan = { ...PLAN, hasZones: false, addresses: PLAN.addresses.slice(0, 2) };
    expect(permanentText(plan)).not.toContain('zone');
    for (const hook of ['prerouting', 'output'])
      expect(rulesOf(plan, `marks-${hook}`)).toEqual([
        'meta mark & 0x00800000 != 0x00000000 ct mark set ct mark | 0x00800000 meta mark set meta mark & 0xff7fffff',
      ]);
  });

  it('has the ports that it is given', () => {
    const text = permanentText({ ...PLAN, dnsPort: 5353, healthPort: 9080 });
    expect(text).not.toMatch(/\b(53|8080)\b(?! )/);
    expect(text).toContain('th dport 5353');
    expect(text).toContain('tcp sport 9080');
  });

  it('says in its comment which layout it has, and other rules have another one', () => {
    const comments = [PLAN, { ...PLAN, dnsPort: 54 }, { ...PLAN, family: 6 as const }].map((plan) =>
      readComment(permanentText(plan).split('\n')[1] ?? ''),
    );
    expect(comments.map((comment) => comment?.layout)).toEqual([1, 1, 1]);
    expect(new Set(comments.map((comment) => comment?.rules)).size).toBe(3);
    expect(readComment('comment "somebody else\'s"')).toBeNull();
  });
});

describe('a listed table', () => {
  const same = (change: (text: string) => string): boolean =>
    isSameTable(parseListing(change(permanentText(PLAN))), permanentText(PLAN));

  it('is the same in the words of other versions of nft, with elements in another order, and with what packets added', () => {
    expect(same((text) => text)).toBe(true);
    expect(
      same((text) =>
        text
          .replaceAll('tcp flags syn / syn,ack', 'tcp flags & (syn | ack) == syn')
          .replaceAll('tcp flags != syn / syn,ack', 'tcp flags & (syn | ack) != syn')
          .replace('169.254.20.10, 10.96.0.10', '10.96.0.10,\n\t\t\t     169.254.20.10')
          .replace('timeout 2m\n', 'timeout 2m\n\t\telements = { 10.244.1.5 . 4000 . 10.96.0.10 expires 1m }\n'),
      ),
    ).toBe(true);
  });

  it.each([
    ['a rule less', (text: string) => text.replace(/\n.*goto fallback/, '')],
    ['an address more', (text: string) => text.replace('elements = {', 'elements = { 192.0.2.1,')],
    ['another priority', (text: string) => text.replace('priority -305', 'priority -304')],
    ['another comment', (text: string) => text.replace(/rules \w+/, 'rules 0123')],
    ['another time of a set', (text: string) => text.replace('timeout 2m', 'timeout 1m')],
  ])('is another one with %s', (_, change) => {
    expect(same(change)).toBe(false);
  });
});
