import { describe, expect, it } from 'vitest';
import { readRule, readSave } from './read-save.ts';
import { comment, type Rule } from './rule.ts';
import { ruleLine } from './text.ts';

const jumpTo = { kind: 'jump', chain: 'NEXT' } as const;

/** A rule, as kube-proxy writes it, and as `iptables-save` of 1.8.9 shows it. */
const RULES: readonly (readonly [rule: Rule, written: string, saved: string])[] = [
  [
    {
      matches: [
        comment('a/b:c cluster IP'),
        { kind: 'protocol', protocol: 'tcp', isNamed: true },
        { kind: 'destination', range: '10.0.0.1', isNot: false },
        { kind: 'destination-port', port: 80 },
        { kind: 'source', range: '10.1.0.0/16', isNot: true },
      ],
      target: jumpTo,
    },
    '-A C -m comment --comment "a/b:c cluster IP" -m tcp -p tcp -d 10.0.0.1 --dport 80 ! -s 10.1.0.0/16 -j NEXT',
    '-A C ! -s 10.1.0.0/16 -d 10.0.0.1/32 -p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 80 -j NEXT',
  ],
  [
    { matches: [comment('a/b:c'), { kind: 'random', probability: 1 / 3 }], target: jumpTo },
    '-A C -m comment --comment a/b:c -m statistic --mode random --probability 0.3333333333 -j NEXT',
    '-A C -m comment --comment "a/b:c" -m statistic --mode random --probability 0.33333333349 -j NEXT',
  ],
  [
    { matches: [{ kind: 'length', octets: 40 }], target: jumpTo },
    '-A C -m length --length 40 -j NEXT',
    '-A C -m length --length 40 -j NEXT',
  ],
  [
    { matches: [{ kind: 'recent-check', list: 'LIST', seconds: 10_800 }], target: jumpTo },
    '-A C -m recent --name LIST --rcheck --seconds 10800 --reap -j NEXT',
    '-A C -m recent --rcheck --seconds 10800 --reap --name LIST --mask 255.255.255.255 --rsource -j NEXT',
  ],
  [
    {
      matches: [
        { kind: 'recent-set', list: 'LIST' },
        { kind: 'protocol', protocol: 'udp', isNamed: true },
      ],
      target: { kind: 'dnat', address: 'fd00::1', port: 53 },
    },
    '-A C -m recent --name LIST --set -m udp -p udp -j DNAT --to-destination [fd00::1]:53',
    '-A C -p udp -m recent --set --name LIST --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource -m udp -j DNAT --to-destination [fd00::1]:53',
  ],
  [
    { matches: [{ kind: 'mark', value: 0x4000, mask: 0x4000, isNot: true }], target: { kind: 'return' } },
    '-A C -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A C -m mark ! --mark 0x4000/0x4000 -j RETURN',
  ],
  [
    { matches: [], target: { kind: 'mark', operation: 'xor', value: 0x4000 } },
    '-A C -j MARK --xor-mark 0x4000',
    '-A C -j MARK --set-xmark 0x4000/0x0',
  ],
  [
    { matches: [], target: { kind: 'mark', operation: 'or', value: 0x4000 } },
    '-A C -j MARK --or-mark 0x4000',
    '-A C -j MARK --set-xmark 0x4000/0x4000',
  ],
  [
    {
      matches: [
        { kind: 'local-address', side: 'dst', isNot: false },
        { kind: 'in-interface', name: 'veth+', isNot: true },
      ],
      target: { kind: 'reject' },
    },
    '-A C -m addrtype --dst-type LOCAL ! -i veth+ -j REJECT',
    '-A C ! -i veth+ -m addrtype --dst-type LOCAL -j REJECT --reject-with icmp-port-unreachable',
  ],
  [
    {
      matches: [
        { kind: 'protocol', protocol: 'udp', isNamed: false },
        { kind: 'source', range: '169.254.20.10', isNot: false },
        { kind: 'source-port', port: 53 },
      ],
      target: { kind: 'notrack', isAsCt: false },
    },
    '-A C -p udp -s 169.254.20.10 --sport 53 -j NOTRACK',
    '-A C -s 169.254.20.10/32 -p udp -m udp --sport 53 -j NOTRACK',
  ],
  [{ matches: [], target: { kind: 'notrack', isAsCt: true } }, '-A C -j CT --notrack', '-A C -j CT --notrack'],
  [
    { matches: [comment('nothing follows')], target: { kind: 'none' } },
    '-A C -m comment --comment "nothing follows"',
    '-A C -m comment --comment "nothing follows"',
  ],
];

describe('the text of a rule', () => {
  it.each(RULES)('is as kube-proxy writes it: %#', (rule, written) => {
    expect(ruleLine('C', rule)).toBe(written);
  });

  it.each(RULES)('is read back, and as iptables-save shows it, to the same: %#', (rule, written, saved) => {
    const plain = ({ matches, target }: Rule): unknown => ({
      matches: matches
        .map((match) => {
          if (match.kind === 'protocol') return { ...match, isNamed: false };
          return match.kind === 'random' ? { ...match, probability: match.probability.toFixed(8) } : match;
        })
        .sort((a, b) => a.kind.localeCompare(b.kind)),
      target,
    });
    expect(plain(readRule(written))).toEqual(plain(rule));
    expect(plain(readRule(saved))).toEqual(plain(rule));
  });

  it('keeps what a comment says inside of its quotes and its line', () => {
    const rule: Rule = { matches: [comment('a "b\\\n-A C -j ACCEPT')], target: { kind: 'drop' } };
    const line = ruleLine('C', rule);
    expect(line).toBe('-A C -m comment --comment "a \\"b\\\\?-A C -j ACCEPT" -j DROP');
    expect(readRule(line).matches).toEqual([comment('a "b\\?-A C -j ACCEPT')]);
    expect(ruleLine('C', { matches: [comment('x'.repeat(300))], target: jumpTo })).toContain(`"${'x'.repeat(255)}"`);
  });
});

describe('a saved rule set', () => {
  it('is read without counters, chain by chain, and says what it cannot read', () => {
    const { nat } = readSave(
      '# by iptables-save\n*nat\n:OUTPUT ACCEPT [3:180]\n:C - [0:0]\n[3:180] -A OUTPUT -j C\nCOMMIT\n',
    );
    expect([...(nat?.values() ?? [])]).toEqual([
      { name: 'OUTPUT', rules: [{ matches: [], target: { kind: 'jump', chain: 'C' } }] },
      { name: 'C', rules: [] },
    ]);
    expect(() => readRule('-A C -m ttl --ttl-eq 3 -j DROP')).toThrow('iptables: cannot read --ttl-eq in: -A C -m ttl');
  });
});
