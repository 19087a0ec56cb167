import { describe, expect, it } from 'vitest';
import { fateMatches } from '../support/packet-table/fate-matches.ts';
import { oracle } from '../support/packet-table/oracle.ts';
import { packetTable } from '../support/packet-table/packet-table.ts';

describe.each(['nftables', 'iptables'] as const)('the model answers the packet table of %s', (mode) => {
  for (const world of packetTable(mode)) {
    if (world.flows.length === 0) continue;
    it(world.title, () => {
      const wrong = world.flows
        .map((flow) => ({ flow: flow.name, is: fateMatches(oracle(world, flow.packet), flow) }))
        .filter(({ is }) => is !== '');
      expect(wrong).toEqual([]);
    });
  }
});
