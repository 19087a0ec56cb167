import type { ServicePorts } from '../../model/service-port.ts';
import type { RenderSettings } from '../../rule-backend.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { CANARY } from './chain-names.ts';
import { baseJumps, guardsLocalhost, insertionOrder, jumpLine, kubeletChains } from './frame.ts';
import { fullParts } from './full-parts.ts';
import { readLive } from './live-rules.ts';
import { restoreInput } from './restore-input.ts';
import { chainLines, ruleLines } from './service-lines.ts';

/**
 * All rules of one family as input of `iptables-restore --noflush`. With `settings.live`, what iptables-save says of the machine, chains go that
 * it has too much, and jumps come that it lacks.
 *
 * Without that, or where the machine has nothing yet, the jumps from built-in chains come last, in transactions of their own, behind a line that
 * fails where they are there already. Each line of such a text adds a rule, removes one that has to be there, or empties a chain; so no text without
 * such a line leaves one jump both where there was none and where there was one, unless it takes all that others have in built-in chains.
 */
export const renderRules = (services: ServicePorts, options: RuleOptions, settings: RenderSettings = {}): string => {
  const live = readLive(settings.live ?? '');
  const hasJumps = ['filter', 'nat'].every((table) => live.get(table)?.chains.has(CANARY));
  const parts = fullParts(services, options, live);
  const isExplained = settings.isExplained === true;
  const input = restoreInput({
    ...parts,
    ...(hasJumps ? {} : { isFull: false, missing: [], jumps: { filter: [], nat: [] } }),
    ...(isExplained ? { explain } : {}),
  });
  const command = options.family === 'IPv6' ? 'ip6tables-restore' : 'iptables-restore';
  const head = isExplained ? `# ${options.family}. To be loaded by: ${command} --noflush\n` : '';
  return [head, ...input, ...(hasJumps ? [] : jumpSections(options))].join('');
};

/** The canaries are as old as the jumps: whoever flushes a table takes both. */
const jumpSections = (options: RuleOptions): string[] => [
  '# Jumps to the chains above. Where they are there already, the next line with -N fails ("Chain already exists"), as it is meant to: all that is above is loaded by then.\n',
  ...(['filter', 'nat'] as const).map((table) => {
    const own = insertionOrder(baseJumps(options).filter((jump) => jump.table === table));
    const chains = table === 'filter' && !guardsLocalhost(options) ? kubeletChains(options) : [];
    return [
      `*${table}\n-N ${CANARY}\n${chainLines(chains.map(({ name }) => name))}`,
      ...chains.map(({ name, rules }) => ruleLines(name, rules)),
      ...own.map((jump) => `${jumpLine(jump)}\n`),
      'COMMIT\n',
    ].join('');
  }),
  `*mangle\n:${CANARY} - [0:0]\nCOMMIT\n`,
];

const explain = (table: 'filter' | 'nat', chain: string): string => {
  const what = EXPLANATIONS[`${table}/${chain}`];
  return what === undefined ? '' : `# ${chain}: ${what}\n`;
};

const EXPLANATIONS: Readonly<Record<string, string>> = {
  'filter/KUBE-NODEPORTS': 'lets load balancers in to ask whether this node has endpoints',
  'filter/KUBE-SERVICES':
    'ClusterIPs without endpoints that may be used: REJECT if there are none at all, DROP if only the policy has none',
  'filter/KUBE-EXTERNAL-SERVICES': 'the same for external addresses, load balancers and node ports',
  'filter/KUBE-FIREWALL': 'node ports answer on 127.0.0.1, and no other machine may reach anything else there',
  'filter/KUBE-FORWARD': 'lets traffic of Services through, whatever the policy of FORWARD',
  'filter/KUBE-PROXY-FIREWALL': 'load balancers with source ranges: what KUBE-FW-... has not let on is dropped here',
  'nat/KUBE-NODEPORTS': 'node ports',
  'nat/KUBE-SERVICES':
    'every address and port of a Service, to KUBE-SVC-... (any endpoint), KUBE-SVL-... (endpoints of this node), KUBE-EXT-... (from outside) or KUBE-FW-... (source ranges)',
  'nat/KUBE-MARK-MASQ': 'what is to leave with an address of this node',
  'nat/KUBE-POSTROUTING':
    'masquerades what is marked; behind it the chains of each Service, and KUBE-SEP-... for each of its endpoints',
};
