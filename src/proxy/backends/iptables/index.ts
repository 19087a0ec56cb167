import { type IptablesVariant, iptablesCommands, requireIptables } from '#netfilter/iptables/commands.ts';
import type { RuleBackend } from '../../rule-backend.ts';
import { removeSets, removeVirtualServers } from '../ipvs/clean-up.ts';
import { removeTables } from '../nftables/remove.ts';
import { IptablesWriter } from './apply.ts';
import { cleanUpIptables } from './clean-up.ts';
import { diffRules } from './diff.ts';
import { renderRules } from './render.ts';
import { traceRules } from './trace.ts';

export interface IptablesSettings {
  readonly variant?: IptablesVariant;
}

/** The back end of iptables mode, for one of the two iptables; the layout is that of kube-proxy 1.36. */
export const iptablesBackend = ({ variant = 'default' }: IptablesSettings = {}): RuleBackend => ({
  mode: 'iptables',
  render: renderRules,
  diff: diffRules,
  trace: traceRules,
  async open(environment) {
    const { family, run } = environment;
    const commands = iptablesCommands(family, variant);
    for (const command of Object.values(commands)) await requireIptables(run, command, ['--version']);
    return new IptablesWriter(environment, commands, async () => {
      await removeTables(run, [family]);
      await removeVirtualServers(run);
      await removeSets(run, [family]);
    });
  },
  cleanUp: (run) => cleanUpIptables(run),
});

export const iptables: RuleBackend = iptablesBackend();
