import { wordsOf } from '#netfilter/iptables/read-save.ts';
import { BUILT_IN_CHAINS } from '#netfilter/iptables/rule.ts';

/** What a machine has in one table, as far as a back end has to know: no rule of a Service is kept. */
export interface LiveTable {
  readonly chains: ReadonlySet<string>;
  /** Rules of built-in chains that lead to a chain of ours, as they were saved, from first to last. */
  readonly jumps: readonly string[];
  /** Chains that rules of chains that are not ours lead to; jumps of built-in chains left out. */
  readonly foreignTargets: ReadonlySet<string>;
}

/** Tables of an `iptables-save`. */
export const readLive = (save: string): ReadonlyMap<string, LiveTable> => {
  const tables = new Map<string, LiveTable>();
  let chains = new Set<string>();
  let jumps: string[] = [];
  let foreignTargets = new Set<string>();
  for (const line of linesOf(save)) {
    if (line.startsWith('*')) {
      [chains, jumps, foreignTargets] = [new Set(), [], new Set()];
      tables.set(line.slice(1), { chains, jumps, foreignTargets });
    } else if (line.startsWith(':')) {
      chains.add(line.slice(1, line.indexOf(' ')));
    } else if (line.startsWith('-A ')) {
      const from = line.slice(3, line.indexOf(' ', 3));
      if (from.startsWith('KUBE-')) continue;
      const target = targetOf(line);
      if (!BUILT_IN_CHAINS.has(from)) foreignTargets.add(target);
      else if (target.startsWith('KUBE-')) jumps.push(line);
    }
  }
  return tables;
};

/** Where a saved rule leads to; '' where it leads nowhere. */
export const targetOf = (line: string): string => {
  const words = wordsOf(line);
  const at = words.findIndex((word) => word === '-j' || word === '-g');
  return at < 0 ? '' : (words[at + 1] ?? '');
};

function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found < 0 ? text.length : found;
    yield text.slice(start, end);
    start = end + 1;
  }
}
