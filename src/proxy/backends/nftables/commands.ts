import type { Element, Frame, NamedSet, TableName } from '#netfilter/nft/ruleset.ts';
import { ruleText, tableText } from '#netfilter/nft/text.ts';
import type { Changes } from './diff.ts';

/** More would make a command that nft has to hold as one. */
const MAX_ELEMENTS = 2000;
/** nft refuses larger ones for sets of ranges: "File exists". */
const MAX_RANGES = 500;

/** One transaction of nft. */
export interface Transaction {
  /** In pieces, as it may be long. */
  readonly text: readonly string[];
  /** Rules and elements in it, and chains that are emptied. */
  readonly size: number;
}

/** Commands that bring changes to a table. */
export const changeCommands = (changes: Changes, table: TableName): Transaction => {
  const name = tableText(table);
  const { chains, staleChains, sets, staleSets, removed, added } = changes;
  const text: string[] = [];
  // A chain that waits for its deletion may still be there, with its rules. Elements go before what they lead to, and come after it.
  for (const chain of chains) text.push(`add chain ${name} ${chain.name}\n`);
  text.push(...elementCommands('delete', removed, table));
  // A chain for a number of endpoints keeps its rules, for packets that are within it.
  const emptied = staleChains.filter((chain) => chain.includes('/'));
  const flushed = [...chains.map((chain) => chain.name), ...emptied];
  for (const chain of flushed) text.push(`flush chain ${name} ${chain}\n`);
  for (const set of staleSets) text.push(`delete set ${name} ${set}\n`);
  for (const set of sets) text.push(`add ${set.kind} ${name} ${set.name} { ${set.declaration.join('; ')}; }\n`);
  for (const chain of chains) {
    for (const rule of chain.rules) text.push(`add rule ${name} ${chain.name} ${ruleText(rule, table.family)}\n`);
  }
  text.push(...elementCommands('add', added, table));
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  return { text, size: rules + emptied.length + sets.length + staleSets.length + removed.length + added.length };
};

/** Commands that delete chains to which nothing leads but others of them. */
export const deleteChains = (chains: readonly string[], table: TableName): string =>
  ['flush', 'delete'].flatMap((verb) => chains.map((chain) => `${verb} chain ${tableText(table)} ${chain}\n`)).join('');

const elementCommands = (verb: 'add' | 'delete', elements: readonly Element[], table: TableName): string[] => {
  const commands = new ElementCommands(verb, table);
  for (const element of elements) commands.add(element);
  return commands.finish();
};

/** Puts elements into commands of bounded length, those of one set together. */
export class ElementCommands {
  readonly #verb: 'add' | 'delete';
  readonly #table: string;
  readonly #lines = new Map<string, string[]>();
  readonly #commands = new Map<string, string[]>();
  #count = 0;

  constructor(verb: 'add' | 'delete', table: TableName, order: readonly NamedSet[] = []) {
    this.#verb = verb;
    this.#table = tableText(table);
    for (const { name } of order) this.#commands.set(name, []);
  }

  get count(): number {
    return this.#count;
  }

  /** `note` is for a reader. */
  add({ set, key, value }: Element, note = ''): void {
    this.#count++;
    const lines = this.#lines.get(set) ?? [];
    if (lines.length === 0) this.#lines.set(set, lines);
    const element = value === '' || this.#verb === 'delete' ? key : `${key} : ${value}`;
    lines.push(note === '' ? `${element},` : `${element}, # ${note}`);
    if (lines.length === (set === 'source-ranges' ? MAX_RANGES : MAX_ELEMENTS)) this.#flush(set, lines);
  }

  finish(): string[] {
    for (const [set, lines] of this.#lines) this.#flush(set, lines);
    return [...this.#commands.values()].flat();
  }

  #flush(set: string, lines: string[]): void {
    if (lines.length === 0) return;
    const [only = ''] = lines;
    const body = lines.length === 1 && !only.includes('#') ? ` ${only.slice(0, -1)} ` : `\n\t${lines.join('\n\t')}\n`;
    const commands = this.#commands.get(set) ?? [];
    if (commands.length === 0) this.#commands.set(set, commands);
    commands.push(`${this.#verb} element ${this.#table} ${set} {${body}}\n`);
    lines.length = 0;
  }
}

/** In one transaction the table is there, gone, and there anew. */
export const replaceTable = ({ table }: Frame): string =>
  `table ${tableText(table)}\ndelete table ${tableText(table)}\n`;
