import { type Run, runOrThrow } from '#netfilter/run.ts';
import { iptablesBackend } from '#proxy/backends/iptables/index.ts';
import { nftables, nftablesPerService } from '#proxy/backends/nftables/index.ts';
import type { RuleBackend, RuleWriter } from '#proxy/rule-backend.ts';
import type { IpFamily } from '#proxy/rule-options.ts';
import type { PacketLab } from './lab.ts';

/** One way of putting rules into the lab's node. */
export interface LabMode {
  readonly name: string;
  readonly backend: RuleBackend;
  /** `nft`, or the iptables of it, without the family's 6. */
  readonly command: 'nft' | 'iptables-nft' | 'iptables-legacy';
}

export const LAB_MODES: readonly LabMode[] = [
  { name: 'nftables', backend: nftables, command: 'nft' },
  { name: 'nftables with a chain per Service', backend: nftablesPerService, command: 'nft' },
  { name: 'iptables-nft', backend: iptablesBackend({ variant: 'nft' }), command: 'iptables-nft' },
  { name: 'iptables-legacy', backend: iptablesBackend({ variant: 'legacy' }), command: 'iptables-legacy' },
];

/** The mode's iptables for a family. */
export const iptablesOf = ({ command }: LabMode, family: IpFamily): string =>
  family === 'IPv6' ? command.replace('iptables', 'ip6tables') : command;

/**
 * Loads what `render` gives, as a person would. Of iptables-restore the text makes it end with an error where its jumps are there already, at a
 * line that says so.
 */
export const loadText = async (lab: PacketLab, mode: LabMode, family: IpFamily, text: string): Promise<void> => {
  if (mode.command === 'nft') return void (await runOrThrow(lab.runOnNode, 'nft', ['-f', '-'], text));
  const command = `${iptablesOf(mode, family)}-restore`;
  const { exitCode, stderr } = await lab.runOnNode(command, ['--wait', '5', '--noflush'], text);
  const failed = text.split('\n')[Number(/line (\d+) failed/.exec(stderr)?.[1]) - 1];
  if (exitCode !== 0 && failed !== '-N KUBE-PROXY-CANARY') throw new Error(`${command}: ${stderr}${failed ?? ''}`);
};

/** A writer for the node, as the agent has one; what it says of faults is thrown. */
export const openWriter = (
  lab: PacketLab,
  mode: LabMode,
  family: IpFamily,
  run: Run = lab.runOnNode,
): Promise<RuleWriter> => {
  const fault = (line: string): never => {
    throw new Error(line);
  };
  return mode.backend.open({
    family,
    run,
    log: { debug: () => undefined, info: () => undefined, warning: fault, error: fault },
    now: () => performance.now(),
  });
};
