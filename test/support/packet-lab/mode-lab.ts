import { type Run, runOrThrow } from '#netfilter/run.ts';
import type { ServicePorts } from '#proxy/model/service-port.ts';
import type { RuleWriter, SyncReport } from '#proxy/rule-backend.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import { fateMatches } from '#test/packet-table/fate-matches.ts';
import type { PacketCase } from '#test/packet-table/packet-case.ts';
import { type Commands, PacketLab } from './lab.ts';
import { iptablesOf, type LabMode, loadText, openWriter } from './modes.ts';
import { sendFlows } from './send-flows.ts';
import { Stage } from './stage.ts';

/** A lab whose node has one mode's rules of one packet case after the other. */
export class ModeLab {
  readonly mode: LabMode;
  readonly lab: PacketLab;
  readonly #stage: Stage;
  /** Kept, as the agent keeps them: what a first sync does besides is not what packets see. */
  readonly #writers = new Map<IpFamily, RuleWriter>();

  /** What writers gave to nft, line by line. */
  readonly #commands: string[] = [];

  private constructor(mode: LabMode, lab: PacketLab) {
    this.mode = mode;
    this.lab = lab;
    this.#stage = new Stage(lab);
  }

  /** `cases`: all that will be shown. */
  static async open(mode: LabMode, cases: readonly PacketCase[], commands: Commands = {}): Promise<ModeLab> {
    const modeLab = new ModeLab(mode, await PacketLab.open(commands));
    try {
      await modeLab.#stage.prepare(cases);
      return modeLab;
    } catch (error) {
      await modeLab.lab.close();
      throw error;
    }
  }

  /** Loads the rendered text. */
  load({ ports, options }: PacketCase): Promise<void> {
    return loadText(this.lab, this.mode, options.family, this.mode.backend.render(ports, options));
  }

  /** Has the family's writer write it, over what is there; a case that is a change of another one as that change. */
  async write(scene: PacketCase): Promise<SyncReport> {
    const { family } = scene.options;
    const writer = this.#writers.get(family) ?? (await openWriter(this.lab, this.mode, family, this.#run));
    this.#writers.set(family, writer);
    if (scene.previous !== null) await writer.sync(scene.previous.ports, scene.previous.options, null);
    return writer.sync(scene.ports, scene.options, changedKeys(scene));
  }

  /** What a writer would do with what is there if nothing were known of it, as after a restart. */
  async adopt({ ports, options }: PacketCase): Promise<readonly string[]> {
    this.#commands.length = 0;
    await this.#writers.get(options.family)?.sync(ports, options, null);
    return [...this.#commands];
  }

  /** Sends all flows of cases of different families, and tells what was other than expected. */
  async packetFaults(...scenes: readonly PacketCase[]): Promise<readonly string[]> {
    await this.#stage.show(...scenes);
    const undo = await Promise.all(scenes.map((scene) => this.#refuseOthers(scene)));
    const faults = await Promise.all(scenes.map((scene) => sendFlows(this.#stage, scene)));
    for (const act of undo) await act();
    return faults.flat();
  }

  /** What `trace` says other than expected. */
  traceFaults({ flows, ports, options, machine }: PacketCase): readonly string[] {
    return flows
      .map((flow) => {
        const fault = fateMatches(this.mode.backend.trace(ports, options, machine, flow.packet).fate, flow);
        return fault === '' ? '' : `${flow.name}: ${fault}`;
      })
      .filter((fault) => fault !== '');
  }

  async close(): Promise<void> {
    for (const writer of this.#writers.values()) await writer.close();
    await this.lab.close();
  }

  readonly #run: Run = (command, args, input = '') => {
    const text = typeof input === 'string' ? input : [...input].join('');
    if (args[0] === '-f') this.#commands.push(...text.split('\n').filter((line) => line !== ''));
    return this.lab.runOnNode(command, args, text);
  };

  /** What a rule accepts comes in where another one, behind it, would drop it. */
  async #refuseOthers(scene: PacketCase): Promise<() => Promise<void>> {
    const ports = scene.flows.filter(({ expected }) => expected.kind === 'accepted').map(({ packet }) => packet.port);
    const command = iptablesOf(this.mode, scene.options.family);
    const all = async (act: '-A' | '-D'): Promise<void> => {
      for (const port of ports) {
        const rule = ['INPUT', '-p', 'tcp', '--dport', `${port}`, '-j', 'DROP'];
        await runOrThrow(this.lab.runOnNode, command, ['-w', act, ...rule]);
      }
    };
    await all('-A');
    return () => all('-D');
  }
}

/** What differs from the case before; null where there is none. */
const changedKeys = ({ previous, ports }: PacketCase): ReadonlySet<string> | null => {
  if (previous === null) return null;
  const before: ServicePorts = previous.ports;
  const keys = [...new Set([...before.keys(), ...ports.keys()])];
  return new Set(keys.filter((key) => JSON.stringify(before.get(key)) !== JSON.stringify(ports.get(key))));
};
