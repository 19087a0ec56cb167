import type { Chain } from '#netfilter/iptables/rule.ts';
import { chainLine, ruleLine } from '#netfilter/iptables/text.ts';
import { isServiceChain } from '../iptables/chain-names.ts';
import { type LiveTable, targetOf } from '../iptables/live-rules.ts';
import { BASE_JUMPS, type BaseJump, type Remainder } from './remainder.ts';
import { CANARY, jumpLine } from './render.ts';

const TABLES = ['nat', 'filter'] as const;

/** Kubelet's, which stay. */
const KUBELET: ReadonlySet<string> = new Set(['KUBE-FIREWALL', 'KUBE-KUBELET-CANARY', 'KUBE-MARK-DROP']);
/** Of iptables mode, besides the chains of Services; its others have the names of ours. */
const IPTABLES_MODE: ReadonlySet<string> = new Set([
  'nat/KUBE-NODEPORTS',
  'nat/KUBE-PROXY-CANARY',
  'filter/KUBE-NODEPORTS',
  'filter/KUBE-SERVICES',
  'filter/KUBE-EXTERNAL-SERVICES',
  'filter/KUBE-PROXY-CANARY',
]);
/** Of both modes. */
const SHARED: ReadonlySet<string> = new Set([
  'nat/KUBE-SERVICES',
  'nat/KUBE-POSTROUTING',
  'nat/KUBE-MARK-MASQ',
  'filter/KUBE-FORWARD',
  'filter/KUBE-PROXY-FIREWALL',
]);

/** Input of `iptables-restore --noflush` that leaves exactly these chains and their jumps, and nothing of iptables mode. */
export const loadTables = (live: ReadonlyMap<string, LiveTable>, rules: Remainder): string =>
  TABLES.map((table) => {
    const { chains, jumps } = live.get(table) ?? NO_TABLE;
    const stale = [...chains].filter((chain) => isServiceChain(chain) || IPTABLES_MODE.has(`${table}/${chain}`));
    const own = BASE_JUMPS.filter((jump) => jump.table === table);
    const wanted = new Set(own.map(saved));
    return section(
      table,
      [...rules[table], { name: CANARY, rules: [] }, ...stale.map((name) => ({ name, rules: [] }))],
      [
        ...jumps.filter((line) => !wanted.has(line) && !KUBELET.has(targetOf(line))).map(deletion),
        ...own
          .filter((jump) => !jumps.includes(saved(jump)))
          .reverse()
          .map(jumpLine),
        ...stale.map((name) => `-X ${name}`),
      ],
    );
  }).join('');

/**
 * Input of `iptables-restore --noflush` that removes all that is this mode's; '' where nothing is. What it shares with iptables mode stays where
 * that is at work.
 */
export const removeFromTables = (live: ReadonlyMap<string, LiveTable>, rules: Remainder): string =>
  TABLES.map((table) => {
    const { chains, jumps } = live.get(table) ?? NO_TABLE;
    const isShared = [...chains].some((chain) => isServiceChain(chain) || IPTABLES_MODE.has(`${table}/${chain}`));
    const isOurs = (chain: string): boolean => !(isShared && SHARED.has(`${table}/${chain}`));
    const own = [...rules[table].map(({ name }) => name), CANARY].filter((name) => chains.has(name) && isOurs(name));
    if (own.length === 0) return '';
    const going = new Set(own);
    return section(
      table,
      own.map((name) => ({ name, rules: [] })),
      [...jumps.filter((line) => going.has(targetOf(line))).map(deletion), ...own.map((name) => `-X ${name}`)],
    );
  }).join('');

/** Nobody has flushed a table since they were loaded. */
export const hasCanaries = (live: ReadonlyMap<string, LiveTable>): boolean =>
  TABLES.every((table) => live.get(table)?.chains.has(CANARY) === true);

const NO_TABLE: LiveTable = { chains: new Set(), jumps: [], foreignTargets: new Set() };

const section = (table: string, chains: readonly Chain[], commands: readonly string[]): string =>
  `${[
    `*${table}`,
    ...chains.map(({ name }) => chainLine(name)),
    ...chains.flatMap(({ name, rules }) => rules.map((rule) => ruleLine(name, rule))),
    ...commands,
    'COMMIT',
  ].join('\n')}\n`;

/** As iptables-save writes it. */
const saved = ({ from, rule }: BaseJump): string => ruleLine(from, rule);
const deletion = (line: string): string => line.replace('-A ', '-D ');
