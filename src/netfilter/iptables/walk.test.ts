import { describe, expect, it } from 'vitest';
import type { Packet } from '../packet.ts';
import { readSave } from './read-save.ts';
import { walk } from './walk.ts';

const MACHINE = { localAddresses: new Set(['192.0.2.1', '127.0.0.1']) };
const PACKET: Packet = { from: '198.51.100.7', to: '10.0.0.1', protocol: 'tcp', port: 80 };

const fateOf = (text: string, packet: Partial<Packet> = {}) => {
  const tables = readSave(text);
  const source = { rules: (table: keyof typeof tables, chain: string) => tables[table]?.get(chain)?.rules };
  return walk(source, MACHINE, { ...PACKET, ...packet });
};
const nat = (...rules: string[]): string => `*nat\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;
const filter = (...rules: string[]): string => `*filter\n${rules.map((rule) => `-A ${rule}\n`).join('')}COMMIT\n`;

describe('a walk through iptables', () => {
  it('tells chances of random rules one behind the other', () => {
    const half = '-m statistic --mode random --probability 0.5';
    const { fate, steps } = fateOf(
      nat(
        `PREROUTING ${half} -j DNAT --to-destination 10.1.0.1:80`,
        `PREROUTING ${half} -j DNAT --to-destination 10.1.0.2:80`,
        'PREROUTING -j DNAT --to-destination 10.1.0.1:80',
      ),
    );
    expect(fate).toEqual({
      kind: 'delivered',
      to: [
        { address: '10.1.0.1', port: 80, chance: 0.75, isMasqueraded: false },
        { address: '10.1.0.2', port: 80, chance: 0.25, isMasqueraded: false },
      ],
    });
    expect(steps).toHaveLength(3);
    expect(steps[0]).toBe(
      'nat: -A PREROUTING -m statistic --mode random --probability 0.5000000000 -j DNAT --to-destination 10.1.0.1:80',
    );
  });

  it('goes back to the chain before at RETURN, and keeps marks', () => {
    const rules = nat(
      'PREROUTING -j FIRST',
      'PREROUTING -j DNAT --to-destination 10.1.0.1:80',
      'FIRST -j MARK --or-mark 0x4000',
      'FIRST -j RETURN',
      'FIRST -j DNAT --to-destination 10.1.0.9:80',
      'POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE',
    );
    expect(fateOf(rules).fate).toMatchObject({ to: [{ address: '10.1.0.1', isMasqueraded: true }] });
  });

  it('takes OUTPUT and POSTROUTING for own packets, and INPUT where they stay', () => {
    const rules =
      nat('OUTPUT -j DNAT --to-destination 192.0.2.1:8080', 'PREROUTING -j DNAT --to-destination 10.1.0.9:80') +
      filter('INPUT -p tcp -m tcp --dport 8080 -j REJECT', 'FORWARD -j DROP');
    expect(fateOf(rules, { from: '192.0.2.1' }).fate).toEqual({ kind: 'rejected' });
    expect(fateOf(rules).fate).toEqual({ kind: 'dropped' });
  });

  it('does not masquerade what comes to the machine itself', () => {
    const rules = nat('PREROUTING -j DNAT --to-destination 192.0.2.1:80', 'POSTROUTING -j MASQUERADE');
    expect(fateOf(rules).fate).toMatchObject({ to: [{ isMasqueraded: false }] });
  });

  it('knows the states of a first packet', () => {
    const rules = (state: string): string =>
      nat('PREROUTING -d 10.0.0.1 -j DNAT --to-destination 10.1.0.1:80') +
      filter(`FORWARD -m conntrack --ctstate ${state} -j DROP`);
    expect(fateOf(rules('NEW')).fate.kind).toBe('dropped');
    expect(fateOf(rules('DNAT')).fate.kind).toBe('dropped');
    expect(fateOf(rules('DNAT'), { to: '10.0.0.2' }).fate.kind).toBe('untouched');
    expect(fateOf(rules('RELATED,ESTABLISHED')).fate.kind).toBe('delivered');
  });

  it('tells a packet that is let in from one that no rule minds', () => {
    const rules = filter('INPUT -p tcp -m tcp --dport 80 -j ACCEPT');
    expect(fateOf(rules, { to: '192.0.2.1' }).fate.kind).toBe('accepted');
    expect(fateOf(rules, { to: '192.0.2.1', port: 81 }).fate.kind).toBe('untouched');
  });

  it('knows interfaces of packets that come in, and ranges of both families', () => {
    const rules = nat(
      'PREROUTING -i veth+ -j DNAT --to-destination 10.1.0.1:80',
      'PREROUTING -s fd00::/64 -j DNAT --to-destination [fd01::1]:80',
    );
    expect(fateOf(rules, { inInterface: 'veth7' }).fate.kind).toBe('delivered');
    expect(fateOf(rules, { inInterface: 'eth0' }).fate.kind).toBe('untouched');
    expect(fateOf(rules).fate.kind).toBe('untouched');
    expect(fateOf(rules, { from: 'fd00:0::9', to: 'fd00::2:1' }).fate.kind).toBe('delivered');
  });
});
