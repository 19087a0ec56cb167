import { type Listing, listArguments, parseListing } from '#netfilter/nft/listing.ts';
import { runNft } from '#netfilter/nft/run-nft.ts';
import { ruleText, tableText } from '#netfilter/nft/text.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import { adopt } from '#proxy/backends/nftables/adopt.ts';
import { changeCommands } from '#proxy/backends/nftables/commands.ts';
import type { Changes } from '#proxy/backends/nftables/diff.ts';
import { tableOf } from '#proxy/backends/nftables/names.ts';
import { openWriter } from '#proxy/backends/nftables/open.ts';
import { renderTable } from '#proxy/backends/nftables/render.ts';
import { lineChanges } from './line-changes.ts';
import type { LiveChange, LiveDifference } from './live-difference.ts';
import type { FamilyScene } from './scene.ts';

/** What the table of one family lacks, and what it has too much. */
export const nftablesDifference = async ({ services, options }: FamilyScene, run: Run): Promise<LiveDifference> => {
  const silent = { debug: () => undefined, info: () => undefined, warning: () => undefined, error: () => undefined };
  // It writes nothing before its first sync: it knows which layout this nft and this kernel can do.
  const environment = { family: options.family, run, log: silent, now: () => performance.now() };
  const { layout } = await openWriter(environment, 'map-only');
  const table = tableOf(options.family);
  const listing = await listed(run, tableText(table));
  const before = listing === null ? null : parseListing(listing);
  // Adopting crosses out what is there, and the rules of changed chains are shown.
  const adoption = listing === null ? undefined : adopt(parseListing(listing), services.values(), options, layout);
  if (adoption === undefined) {
    const found = before === null ? 'is not there' : 'has other sets or hooks than ours, so it would be replaced';
    const { text } = renderTable(services.values(), options, layout);
    return { changes: [{ head: `table ${tableText(table)} ${found}`, lines: [] }], text: text.join('') };
  }
  return {
    changes: changesOf(adoption.changes, before as Listing, table.family),
    text: changeCommands(adoption.changes, table).text.join(''),
  };
};

const listed = async (run: Run, table: string): Promise<string | null> => {
  try {
    return (await runNft(run, listArguments(table))).stdout;
  } catch (error) {
    if (error instanceof CommandError && error.message.includes('No such file')) return null;
    throw error;
  }
};

const changesOf = (changes: Changes, before: Listing, family: 'ip' | 'ip6'): LiveChange[] => {
  const found = new Map<string, string[]>();
  const lines = (head: string): string[] => {
    const known = found.get(head) ?? [];
    found.set(head, known);
    return known;
  };
  for (const { name, rules } of changes.chains) {
    const old = before.chains.get(name)?.rules ?? [];
    const now = rules.map((rule) => ruleText(rule, family));
    lines(`chain ${name}`).push(...lineChanges(old, now));
  }
  for (const name of changes.staleChains)
    lines(`chain ${name}`).push(...lineChanges(before.chains.get(name)?.rules ?? [], []));
  for (const name of changes.staleSets) lines(`set ${name}`).push('- the whole set');
  for (const { name } of changes.sets) lines(`set ${name}`).push('+ the whole set');
  const elements: readonly (readonly [mark: string, list: Changes['added']])[] = [
    ['-', changes.removed],
    ['+', changes.added],
  ];
  for (const [mark, list] of elements)
    for (const { set, key, value } of list)
      lines(`${value === '' ? 'set' : 'map'} ${set}`).push(`${mark} ${key}${value === '' ? '' : ` : ${value}`}`);
  return [...found].map(([head, all]) => ({ head, lines: all }));
};
