import type { Rule } from '#netfilter/iptables/rule.ts';
import { chainLine, ruleLine } from '#netfilter/iptables/text.ts';
import type { ServicePort, ServicePorts } from '../../model/service-port.ts';
import { type BlockOptions, planService, type SharedChain } from './plan.ts';

/**
 * What is kept of a ServicePort's block between two syncs: the lines it adds to shared chains, as they are written again each time, and the
 * names of its own chains. The rules of those are planned anew where they are needed, as at 20,000 Services they are most of the text.
 */
export interface ServiceLines {
  /** Lines, each with its newline; chains that it adds nothing to are not there. */
  readonly shared: Readonly<Partial<Record<SharedChain, string>>>;
  /** Its own chains, in the order of their rules. */
  readonly chains: readonly string[];
  /** How many rules: in its own chains, and those it adds to the shared ones of each table. */
  readonly count: { readonly own: number; readonly nat: number; readonly filter: number };
}

/** A block as text: what is kept of it, and the rules of its own chains, chain by chain. */
export interface WrittenService {
  readonly lines: ServiceLines;
  readonly rules: readonly string[];
}

export const writeService = (service: ServicePort, options: BlockOptions): WrittenService => {
  const block = planService(service, options);
  const shared: Partial<Record<SharedChain, string>> = {};
  const count = { own: 0, nat: 0, filter: 0 };
  for (const [key, rules] of Object.entries(block.shared) as [SharedChain, readonly Rule[]][]) {
    if (rules.length === 0) continue;
    const [table, chain] = key.split('/') as ['filter' | 'nat', string];
    shared[key] = ruleLines(chain, rules);
    count[table] += rules.length;
  }
  for (const { rules } of block.chains) count.own += rules.length;
  const chains = block.chains.map(({ name }) => name);
  return { lines: { shared, chains, count }, rules: block.chains.map(({ name, rules }) => ruleLines(name, rules)) };
};

/** A chain's rules, each on its line. One piece of memory, not the many that it is put together from: it may be kept for long. */
export const ruleLines = (chain: string, rules: readonly Rule[]): string =>
  rules.length === 0 ? '' : Buffer.from(`${rules.map((rule) => ruleLine(chain, rule)).join('\n')}\n`).toString();

/** The lines that make chains, or empty them. */
export const chainLines = (chains: readonly string[]): string => chains.map((name) => `${chainLine(name)}\n`).join('');

/** How many lines a text has. */
export const countLines = (text: string): number => {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
};

/** Keys in the order of rules. */
export const sortedKeys = (services: ServicePorts): string[] => [...services.keys()].sort();
