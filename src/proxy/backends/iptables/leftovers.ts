import { readRule } from '#netfilter/iptables/read-save.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import {
  CANARY,
  EXTERNAL_SERVICES,
  FORWARD,
  isServiceChain,
  MARK_MASQ,
  NODE_PORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
} from './chain-names.ts';
import { type BaseJump, insertionOrder, jumpLine } from './frame.ts';
import { type LiveTable, targetOf } from './live-rules.ts';

type Table = 'filter' | 'nat';

/** Chains of no Service that the proxy makes in iptables mode. */
const FRAME: Readonly<Record<Table, readonly string[]>> = {
  filter: [SERVICES, EXTERNAL_SERVICES, NODE_PORTS, FORWARD, PROXY_FIREWALL, CANARY],
  nat: [SERVICES, NODE_PORTS, POSTROUTING, MARK_MASQ, CANARY],
};

/** Those that it has made in IPVS mode, and in older versions. */
const OTHER_MODES: Readonly<Record<Table, readonly string[]>> = {
  filter: ['KUBE-NODE-PORT', 'KUBE-SOURCE-RANGES-FIREWALL', 'KUBE-IPVS-FILTER', 'KUBE-IPVS-OUT-FILTER'],
  nat: ['KUBE-NODE-PORT', 'KUBE-LOAD-BALANCER', 'KUBE-FIREWALL'],
};

/** Old kubelets made these two for everybody, CNI plugins use them, and with this third chain there it was such a kubelet. */
const SHARED_WITH_KUBELET: readonly string[] = [MARK_MASQ, POSTROUTING];
const OLD_KUBELET = 'KUBE-MARK-DROP';

/** Chains of a table that are of no more use: Services' that are not `active`, and other modes'. What foreign rules lead to stays. */
export const staleChains = (live: LiveTable | undefined, table: Table, active: ReadonlySet<string>): string[] =>
  [...(live?.chains ?? [])].filter(
    (chain) =>
      (OTHER_MODES[table].includes(chain) || (isServiceChain(chain) && !active.has(chain))) &&
      live?.foreignTargets.has(chain) !== true,
  );

/** All chains of a table that the proxy has made in iptables or IPVS mode; not what kubelet made or others use. */
export const ownedChains = (live: LiveTable, table: Table): string[] => {
  const isInUse = live.chains.has(OLD_KUBELET) || SHARED_WITH_KUBELET.some((chain) => live.foreignTargets.has(chain));
  return [...live.chains].filter(
    (chain) =>
      (isServiceChain(chain) || FRAME[table].includes(chain) || OTHER_MODES[table].includes(chain)) &&
      !live.foreignTargets.has(chain) &&
      !(isInUse && SHARED_WITH_KUBELET.includes(chain)),
  );
};

/** Lines that bring a table's jumps from built-in chains to those that are wanted: each once, in front; kube-proxy's others go. */
export const jumpCorrections = (live: LiveTable | undefined, wanted: readonly BaseJump[]): string[] => {
  const missing = new Map(insertionOrder(wanted).map((jump) => [jumpText(jumpLine(jump)), jump]));
  const removed: string[] = [];
  for (const line of live?.jumps ?? []) {
    if (missing.delete(jumpText(line))) continue;
    if (isProxyJump(line, wanted)) removed.push(line.replace(/^-A/, '-D'));
  }
  return [...removed, ...[...missing.values()].map(jumpLine)];
};

/** Lines that take away the jumps to some chains. */
export const jumpRemovals = (live: LiveTable, chains: readonly string[]): string[] =>
  live.jumps.filter((line) => chains.includes(targetOf(line))).map((line) => line.replace(/^-A/, '-D'));

/** One that somebody has made by hand, with tests of his own, stays. Kubelet's have no comment: of those only a second one is too many. */
const isProxyJump = (line: string, wanted: readonly BaseJump[]): boolean =>
  line.includes('--comment "kubernetes ') ||
  OTHER_MODES.filter.includes(targetOf(line)) ||
  wanted.some((jump) => jumpText(jumpLine(jump)) === jumpText(line));

/** A jump in words that do not depend on who wrote it: `CHAIN TESTS TARGET`; '' where it has tests that ours never have. */
const jumpText = (line: string): string => {
  try {
    return `${line.split(' ', 2)[1]}${ruleText(readRule(line))}`;
  } catch {
    return '';
  }
};
