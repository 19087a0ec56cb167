/** The packet table, sent as real packets between network namespaces, in every mode that rewrites packets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModeLab } from '#test/packet-lab/mode-lab.ts';
import { LAB_MODES } from '#test/packet-lab/modes.ts';
import { withOtherProtocol } from '#test/packet-lab/other-protocol.ts';
import { overIpv6 } from '#test/packet-lab/over-ipv6.ts';
import { unsendable } from '#test/packet-lab/unsendable.ts';
import type { PacketCase } from '#test/packet-table/packet-case.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { missing, skipped, titled } from './needs.ts';

const TITLE = 'the packet table as real packets';
const reason = await missing(TITLE, ['root', 'ip', 'nft', 'iptables-nft', 'iptables-legacy']);

// The kernel takes its time to make rules current, and idles meanwhile: each mode has a lab of its own, and they run side by side.
describe.skipIf(reason !== '').concurrent(titled(TITLE, reason), () => {
  describe.each(LAB_MODES)('$name', { concurrent: true }, (mode) => {
    const cases = packetTable(mode.backend.mode).filter(({ flows }) => flows.length > 0);
    const both = (scene: PacketCase): readonly PacketCase[] => {
      const other = withOtherProtocol(scene);
      return scene.options.family === 'IPv4' ? [other, overIpv6(scene)] : [other];
    };
    let lab: ModeLab;

    beforeAll(async () => {
      lab = await ModeLab.open(mode, [...cases, ...cases.flatMap(both)]);
    });
    afterAll(() => lab?.close());

    it.sequential.each(cases)('rendered and loaded, traced and sent: $title', async (scene) => {
      await lab.load(scene);
      expect(await lab.packetFaults(scene)).toEqual([]);
      expect(lab.traceFaults(scene)).toEqual([]);
    });

    it.sequential.each(
      cases,
    )('written by the agent, TCP and UDP exchanged, both families at once: $title', async (scene) => {
      const scenes = both(scene);
      for (const each of scenes) await lab.write(each);
      expect(await lab.packetFaults(...scenes)).toEqual([]);
      expect(scenes.flatMap((each) => lab.traceFaults(each))).toEqual([]);
    });

    const unsent = unsendable(cases);
    if (unsent.length > 0) skipped(`${TITLE}, ${mode.name}`, `${unsent.length} flows that can't be sent`);
    it.skip.each(unsent)('%s', () => undefined);
  });
});
