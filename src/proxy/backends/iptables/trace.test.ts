import { describe, expect, it } from 'vitest';
import { fateMatches } from '#test/packet-table/fate-matches.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { iptables } from './index.ts';

describe('a packet that is traced through planned iptables rules', () => {
  for (const { title, ports, options, machine, flows } of packetTable('iptables')) {
    if (flows.length === 0) continue;
    it(`fares as the packet table says: ${title}`, () => {
      const wrong = flows.flatMap((flow) => {
        const { fate, steps } = iptables.trace(ports, options, machine, flow.packet);
        const difference = fateMatches(fate, flow);
        return difference === '' ? [] : [`${flow.name}: ${difference}\n  ${steps.join('\n  ')}`];
      });
      expect(wrong).toEqual([]);
    });
  }
});
