import { missingCommands, missingRights, type NeededCommand } from '#netfilter/needs.ts';
import type { NodeCacheSettings } from '#node-cache/settings.ts';

/** Commands that the settings ask for. */
const neededCommands = ({ rules, interfaceName, addresses }: NodeCacheSettings): readonly NeededCommand[] => {
  const needed: NeededCommand[] = [];
  if (rules === 'nftables') needed.push(['nft', 'nftables']);
  if (rules === 'iptables') {
    if (addresses.some(({ family }) => family === 4))
      needed.push(['iptables-save', 'iptables'], ['iptables-restore', 'iptables']);
    if (addresses.some(({ family }) => family === 6))
      needed.push(['ip6tables-save', 'iptables'], ['ip6tables-restore', 'iptables']);
  }
  if (interfaceName !== '') needed.push(['ip', 'iproute2']);
  return needed;
};

/** What this process lacks for its work on the node, a line each. */
export const missingForNode = (settings: NodeCacheSettings): readonly string[] => {
  const needed = neededCommands(settings);
  if (needed.length === 0) return [];
  return [missingRights(), missingCommands('node-cache', needed)].filter((text) => text !== '');
};
