import { describe, expect, it } from 'vitest';
import { droppingChains, dropsByDefault } from './foreign-policy.ts';

describe('an iptables that drops by default', () => {
  it.each([
    [':INPUT DROP [0:0]', true],
    [':OUTPUT DROP [1:2]', true],
    ['-A INPUT -j REJECT --reject-with icmp-host-prohibited', true],
    ['[3:4] -A OUTPUT -j DROP', true],
    [':FORWARD DROP [0:0]', false],
    ['-A INPUT -m conntrack --ctstate INVALID -j DROP', false],
    ['-A INPUT -j DROPPINGS', false],
    [':DROP - [0:0]', false],
  ])('is known by %s: %s', (line, expected) => {
    expect(dropsByDefault(`*nat\n:INPUT DROP [0:0]\nCOMMIT\n*filter\n${line}\nCOMMIT\n`)).toBe(expected);
  });
});

describe('chains of nftables that drop by default', () => {
  it('are named, but for those of iptables', () => {
    const listed = `table ip filter {
\tchain INPUT {
\t\ttype filter hook input priority filter; policy drop;
\t}
}
table inet firewall {
\tchain entry {
\t\ttype filter hook input priority filter + 10; policy drop;
\t}
\tchain forward {
\t\ttype filter hook forward priority filter; policy drop;
\t}
\tchain exit {
\t\ttype filter hook output priority filter; policy accept;
\t}
}
`;
    expect(droppingChains(listed)).toEqual(['chain entry of table inet firewall']);
  });
});
