import { describe, expect, it } from 'vitest';
import { fateMatches } from './fate-matches.ts';
import { readFlow } from './flow-text.ts';
import type { PacketFlow } from './packet-case.ts';

const FLOW: PacketFlow = {
  name: 'a pod to two endpoints',
  packet: { from: '10.0.0.1', to: '172.30.0.1', protocol: 'tcp', port: 80 },
  expected: { kind: 'delivered', to: ['10.0.0.1:80', '10.0.0.2:80'], isMasqueraded: false },
};
const to = (address: string, isMasqueraded: boolean, chance = 0.5) => ({ address, port: 80, chance, isMasqueraded });

describe('fateMatches', () => {
  it('takes the same endpoints in any order, and the one who asked in the name of the node', () => {
    expect(fateMatches({ kind: 'delivered', to: [to('10.0.0.2', false), to('10.0.0.1', true)] }, FLOW)).toBe('');
  });

  it.each([
    [[to('10.0.0.1', true)], 'goes to 10.0.0.1:80, not to 10.0.0.1:80 10.0.0.2:80'],
    [[to('10.0.0.1', false), to('10.0.0.2', false)], 'is not masqueraded to 10.0.0.1:80'],
    [[to('10.0.0.1', true), to('10.0.0.2', true)], 'is masqueraded to 10.0.0.2:80'],
    [[to('10.0.0.1', true, 0.3), to('10.0.0.2', false, 0.7)], 'goes to 10.0.0.1:80 with a chance of 0.3'],
  ])('tells endpoints, masquerading and chances that are wrong', (found, text) => {
    expect(fateMatches({ kind: 'delivered', to: found }, FLOW)).toBe(text);
  });

  it('tells another kind of fate', () => {
    expect(fateMatches({ kind: 'rejected' }, FLOW)).toBe('is rejected, not delivered to 10.0.0.1:80 10.0.0.2:80');
  });
});

describe('readFlow', () => {
  it('reads a line with everything in it', () => {
    const line =
      '(nftables, ipvs) a pod fd00::9 by veth1 -> [fd00::1]:53/udp => masqueraded [fd00::2]:5353 [fd00::3]:5353';
    expect(readFlow(line)).toEqual({
      modes: ['nftables', 'ipvs'],
      flow: {
        name: line,
        from: 'fd00::9',
        to: 'fd00::1',
        proto: 'UDP',
        dport: 53,
        inInterface: 'veth1',
        endpoints: ['[fd00::2]:5353', '[fd00::3]:5353'],
        masq: true,
        rejected: false,
        dropped: false,
        accepted: false,
        passthrough: false,
      },
    });
  });

  it('takes no line that it does not understand', () => {
    expect(() => readFlow('a pod 10.0.0.9 to 10.0.0.1:80')).toThrow('no flow: a pod');
  });
});
