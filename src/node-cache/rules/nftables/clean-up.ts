import { isGone, isNotPermitted, nftFailure, startNft } from '#netfilter/nft/run-nft.ts';
import type { Run } from '#netfilter/run.ts';
import { deleteText } from './instance-text.ts';
import { listTable, listTables } from './list-tables.ts';
import { ADDRESSES, FAMILIES, isInstanceTable, PERMANENT_TABLE } from './names.ts';

/** What a clean-up did. */
export interface CleanUp {
  /** Tables that it removed: `ip cluster-dns-node-cache`. */
  readonly removed: readonly string[];
  /** Addresses of the cache that the removed tables knew: somebody may have put them on `lo`. */
  readonly addresses: readonly string[];
  /** Tables that belong to a process that still runs, which must be ended first, and the name of that process where nft says it. */
  readonly held: readonly { readonly table: string; readonly owner: string }[];
}

/**
 * Removes the tables of all instances and the permanent ones. Where a process holds one, the permanent ones stay as well: it would make them again. Rejects with
 * CommandError.
 */
export const cleanUpTables = async (run: Run): Promise<CleanUp> => {
  const tables = await listTables(run, FAMILIES);
  const removed: string[] = [];
  const addresses: string[] = [];
  const held: { table: string; owner: string }[] = [];
  const args = ['-f', '-'];
  const all = [
    ...tables.filter(({ name }) => isInstanceTable(name)),
    ...tables.filter(({ name }) => name === PERMANENT_TABLE),
  ];
  for (const { family, name } of all) {
    if (name === PERMANENT_TABLE && held.length > 0) continue;
    const table = await listTable(run, family, name);
    if (table === null) continue;
    const text = deleteText(name, family);
    const title = text.replace('delete table ', '').trim();
    const result = await startNft(run, args, text);
    const [, owner = ''] = /# progname (\S+)/.exec(table.text) ?? [];
    if (result.exitCode === 0) {
      removed.push(title);
      addresses.push(...(table.listing.sets.get(ADDRESSES)?.elements.keys() ?? []));
    } else if (isNotPermitted(result) && isInstanceTable(name)) held.push({ table: title, owner });
    else if (!isGone(result)) throw nftFailure(args, result);
  }
  return { removed, addresses, held };
};
