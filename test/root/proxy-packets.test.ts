/** The packet table, sent as real packets between network namespaces, in every mode that rewrites packets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import { PacketLab } from '#test/packet-lab/lab.ts';
import { iptablesOf, LAB_MODES, loadText, openWriter } from '#test/packet-lab/modes.ts';
import { withOtherProtocol } from '#test/packet-lab/other-protocol.ts';
import { overIpv6 } from '#test/packet-lab/over-ipv6.ts';
import { sendFlows } from '#test/packet-lab/send-flows.ts';
import { Stage } from '#test/packet-lab/stage.ts';
import { fateMatches } from '#test/packet-table/fate-matches.ts';
import type { PacketCase } from '#test/packet-table/packet-case.ts';
import { packetTable } from '#test/packet-table/packet-table.ts';
import { missing, titled } from './needs.ts';

const TITLE = 'the packet table as real packets';
const reason = await missing(TITLE, ['root', 'ip', 'nft', 'iptables-nft', 'iptables-legacy', 'conntrack']);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let lab: PacketLab;
  let stage: Stage;

  beforeAll(async () => {
    lab = await PacketLab.open();
    stage = new Stage(lab);
    const all = LAB_MODES.flatMap(({ backend }) => packetTable(backend.mode));
    await stage.prepare([...all, ...all.filter(({ options }) => options.family === 'IPv4').map(overIpv6)]);
  });
  afterAll(() => lab?.close());

  describe.each(LAB_MODES)('$name', (mode) => {
    const run: Run = (...call) => lab.runOnNode(...call);
    const cases = packetTable(mode.backend.mode).filter(({ flows }) => flows.length > 0);

    afterAll(() => mode.backend.cleanUp(run));

    const packetFaults = async (...scenes: readonly PacketCase[]): Promise<readonly string[]> => {
      await stage.show(...scenes);
      await runOrThrow(run, 'conntrack', ['-F']);
      const undo = await Promise.all(scenes.map(refuseOthers));
      const faults = (await Promise.all(scenes.map((scene) => sendFlows(stage, scene)))).flat();
      for (const act of undo) await act();
      return faults;
    };
    /** What a rule accepts comes in where another one, behind it, would drop it. */
    const refuseOthers = async (scene: PacketCase): Promise<() => Promise<void>> => {
      const ports = scene.flows.filter(({ expected }) => expected.kind === 'accepted').map(({ packet }) => packet.port);
      const command = iptablesOf(mode, scene.options.family);
      const all = async (act: '-A' | '-D'): Promise<void> => {
        for (const port of ports)
          await runOrThrow(run, command, ['-w', act, 'INPUT', '-p', 'tcp', '--dport', `${port}`, '-j', 'DROP']);
      };
      await all('-A');
      return () => all('-D');
    };
    const traceFaults = ({ flows, ports, options, machine }: PacketCase): readonly string[] =>
      flows
        .map((flow) => {
          const fault = fateMatches(mode.backend.trace(ports, options, machine, flow.packet).fate, flow);
          return fault === '' ? '' : `${flow.name}: ${fault}`;
        })
        .filter((fault) => fault !== '');

    it.each(cases)('rendered and loaded, traced and sent: $title', async (scene) => {
      await loadText(lab, mode, scene.options.family, mode.backend.render(scene.ports, scene.options));
      expect(await packetFaults(scene)).toEqual([]);
      expect(traceFaults(scene)).toEqual([]);
    });

    it.each(cases)('written by the agent, TCP and UDP exchanged, both families at once: $title', async (scene) => {
      const other = withOtherProtocol(scene);
      const scenes = scene.options.family === 'IPv6' ? [other] : [other, overIpv6(scene)];
      for (const each of scenes) {
        const writer = await openWriter(lab, mode, each.options.family);
        if (each.previous !== null) await writer.sync(each.previous.ports, each.previous.options, null);
        await writer.sync(each.ports, each.options, changedKeys(each));
        await writer.close();
      }
      expect(await packetFaults(...scenes)).toEqual([]);
      expect(scenes.flatMap(traceFaults)).toEqual([]);
    });
  });
});

/** What differs from the case before; null where there is none. */
const changedKeys = ({ previous, ports }: PacketCase): ReadonlySet<string> | null => {
  if (previous === null) return null;
  const before: ServicePorts = previous.ports;
  const keys = [...new Set([...before.keys(), ...ports.keys()])];
  return new Set(keys.filter((key) => JSON.stringify(before.get(key)) !== JSON.stringify(ports.get(key))));
};
