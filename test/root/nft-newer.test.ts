/** Rules under the nft of Debian's next release, which prints, keeps and takes them in its own way. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, runOrThrow } from '#netfilter/run.ts';
import { newerNft } from '#test/newer-nft.ts';
import { ModeLab } from '#test/packet-lab/mode-lab.ts';
import { LAB_MODES, type LabMode } from '#test/packet-lab/modes.ts';
import { withOtherProtocol } from '#test/packet-lab/other-protocol.ts';
import { overIpv6 } from '#test/packet-lab/over-ipv6.ts';
import { unsendable } from '#test/packet-lab/unsendable.ts';
import { coveringCases } from '#test/packet-table/covering-cases.ts';
import type { PacketCase } from '#test/packet-table/packet-case.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { missing, skipped, titled } from './needs.ts';

const TITLE = 'nftables rules under a newer nft';
const lacking = await missing(TITLE, ['root', 'ip', 'nft']);
const nft = lacking === '' ? await newerNft() : { reason: lacking };
const reason = lacking === '' ? skipped(TITLE, nft.reason) : lacking;

const mode = LAB_MODES[0] as LabMode;
/** Not all, as the time goes into waiting for the kernel: what differs here is how nft prints and takes rules, so each kind of rule once. */
const cases = coveringCases(packetTable(mode.backend.mode).filter(({ flows }) => flows.length > 0));

const both = (scene: PacketCase): readonly PacketCase[] => {
  const other = withOtherProtocol(scene);
  return scene.options.family === 'IPv4' ? [other, overIpv6(scene)] : [other];
};

/** Chains that wait for their deletion are emptied again, which changes nothing. */
const changing = (commands: readonly string[]): readonly string[] =>
  commands.filter((command) => !command.startsWith('flush chain '));

/** All namespaces are the labs' own, and go with them: an older nft may crash on the tables. */
const openLab = async (shown: readonly PacketCase[]): Promise<ModeLab> =>
  ModeLab.open(mode, shown, { nft: 'command' in nft ? nft.command : [] });

describe.skipIf(reason !== '').concurrent(titled(TITLE, reason), () => {
  describe('rendered', { concurrent: true }, () => {
    let lab: ModeLab;
    beforeAll(async () => {
      lab = await openLab(cases);
    });
    afterAll(() => lab?.close());

    it.sequential('is not by the nft of this machine', async () => {
      const version = await runOrThrow(lab.lab.runOnNode, 'nft', ['--version']);
      expect(version).toMatch(/^nftables v/);
      expect(version).not.toBe(await runOrThrow(runCommand, 'nft', ['--version']));
    });

    it.sequential.each(cases)('loaded, sent, listed and loaded again: $title', async (scene) => {
      await lab.load(scene);
      expect(await lab.packetFaults(scene)).toEqual([]);

      const run = lab.lab.runOnNode;
      const listed = await runOrThrow(run, 'nft', ['-s', 'list', 'ruleset']);
      await runOrThrow(run, 'nft', ['-f', '-'], `flush ruleset\n${listed}`);
      expect(await runOrThrow(run, 'nft', ['-s', 'list', 'ruleset'])).toBe(listed);
    });
  });

  describe('written by the agent', { concurrent: true }, () => {
    let lab: ModeLab;
    beforeAll(async () => {
      lab = await openLab(cases.flatMap(both));
    });
    afterAll(() => lab?.close());

    it.sequential.each(cases)('sent, and adopted without a change: $title', async (scene) => {
      const scenes = both(scene);
      for (const each of scenes) await lab.write(each);
      expect(await lab.packetFaults(...scenes)).toEqual([]);
      for (const each of scenes) expect(changing(await lab.adopt(each))).toEqual([]);
    });
  });

  it.skip.each(unsendable(cases))('%s', () => undefined);
});
