import { describe, expect, it } from 'vitest';
import { fateMatches } from '#test/packet-table/fate-matches.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { nftables, nftablesPerService } from './index.ts';

const layouts = [
  { layout: 'Services as map elements', backend: nftables },
  { layout: 'a chain for each Service', backend: nftablesPerService },
];

describe.each(layouts)('packets walk as the table says: $layout', ({ backend }) => {
  for (const { title, ports, options, machine, flows } of packetTable('nftables')) {
    if (flows.length === 0) continue;
    it(title, () => {
      const wrong = flows
        .map((flow) => {
          const { fate, steps } = backend.trace(ports, options, machine, flow.packet);
          return { flow: flow.name, is: fateMatches(fate, flow), steps };
        })
        .filter(({ is }) => is !== '');
      expect(wrong).toEqual([]);
    });
  }
});
