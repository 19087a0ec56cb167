import { iptablesCommands } from '#netfilter/iptables/commands.ts';
import { readRule } from '#netfilter/iptables/read-save.ts';
import type { Match, Rule } from '#netfilter/iptables/rule.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import { type Run, runOrThrow } from '#netfilter/run.ts';
import { CANARY } from '#proxy/backends/iptables/chain-names.ts';
import { baseJumps } from '#proxy/backends/iptables/frame.ts';
import { jumpCorrections, ownedChains } from '#proxy/backends/iptables/leftovers.ts';
import { type LiveTable, readLive } from '#proxy/backends/iptables/live-rules.ts';
import { renderRules } from '#proxy/backends/iptables/render.ts';
import { lineChanges } from './line-changes.ts';
import type { LiveChange, LiveDifference } from './live-difference.ts';
import type { FamilyScene } from './scene.ts';

type TableName = 'filter' | 'nat';
const TABLES: readonly TableName[] = ['filter', 'nat'];

/** What the chains of one family lack, and what they have too much; jumps from built-in chains are looked at, too. */
export const iptablesDifference = async ({ services, options }: FamilyScene, run: Run): Promise<LiveDifference> => {
  const save = await runOrThrow(run, iptablesCommands(options.family).save, []);
  const text = renderRules(services, options);
  const live = readLive(save);
  const wanted = chainsOf(text);
  const saved = chainsOf(save);
  const changes = TABLES.flatMap((table) => {
    const owned = new Set(live.get(table) === undefined ? [] : ownedChains(live.get(table) as LiveTable, table));
    const [now, after] = [saved.get(table) ?? NO_CHAINS, wanted.get(table) ?? NO_CHAINS];
    const names = [...now.keys(), ...after.keys()].filter((name) => owned.has(name) || after.has(name));
    const jumps = jumpCorrections(
      live.get(table),
      baseJumps(options).filter((jump) => jump.table === table),
    );
    const chains = [...new Set(names)].sort().flatMap((name) => chainChange(table, name, now, after));
    return [...chains, ...jumpChanges(table, jumps)];
  });
  return { changes, text: changes.length === 0 ? '' : text };
};

/** Rules by chain, in words that do not depend on who wrote them. */
type Chains = ReadonlyMap<string, readonly string[]>;
const NO_CHAINS: Chains = new Map();

const chainsOf = (text: string): ReadonlyMap<string, Chains> => {
  const tables = new Map<string, Map<string, string[]>>();
  let chains = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      chains = tables.get(line.slice(1)) ?? new Map();
      tables.set(line.slice(1), chains);
    } else if (line.startsWith(':')) chains.set(line.slice(1).split(' ', 1)[0] as string, []);
    else if (line.startsWith('-A KUBE-')) chains.get(line.split(' ', 2)[1] as string)?.push(ruleWords(line));
  }
  return tables;
};

/** Ours in one form; a rule with matches that ours never have, as it stands. */
const ruleWords = (line: string): string => {
  try {
    return lineOf(readRule(line));
  } catch {
    return line.replace(/^-A \S+ /, '');
  }
};

const chainChange = (table: TableName, name: string, live: Chains, wanted: Chains): LiveChange[] => {
  const [now, after] = [live.get(name), wanted.get(name)];
  const lines = lineChanges(now ?? [], after ?? []);
  // Of chains that are empty there is nothing else to tell.
  if (now === undefined) lines.unshift('+ the chain');
  if (after === undefined && name !== CANARY) lines.unshift('- the chain');
  return lines.length === 0 ? [] : [{ head: `chain ${name} of table ${table}`, lines }];
};

const jumpChanges = (table: TableName, corrections: readonly string[]): LiveChange[] => {
  const lines = corrections.map((line) => line.replace(/^-D /, '- ').replace(/^-I /, '+ '));
  return lines.length === 0 ? [] : [{ head: `jumps from built-in chains of table ${table}`, lines }];
};

/** iptables-save has an order of its own, and rounds to 31 bits. */
const lineOf = ({ matches, target }: Rule): string => {
  const sorted = matches.map(plain).sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  return ruleText({ matches: sorted, target }).trim();
};

const ORDER: readonly Match['kind'][] = ['comment', 'protocol', 'source', 'destination', 'destination-port'];

const plain = (match: Match): Match => {
  if (match.kind === 'protocol') return { ...match, isNamed: false };
  if (match.kind === 'conntrack') return { ...match, states: [...match.states].sort() };
  if (match.kind === 'random') return { ...match, probability: 1 / Math.round(1 / match.probability) };
  return match;
};
