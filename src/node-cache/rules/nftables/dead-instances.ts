import type { Run } from '#netfilter/run.ts';
import { deleteText } from './instance-text.ts';
import { ALIVE, DRAINING, FAMILIES, isInstanceTable } from './names.ts';
import { listTable, listTables, runNft } from './nft.ts';

/**
 * Removes what an instance without an owned table has left: on none of its addresses it is alive. One that only hangs makes its table again. Rejects with
 * CommandError.
 */
export const removeDeadInstances = async (run: Run, except: string): Promise<void> => {
  for (const { family, name } of await listTables(run, FAMILIES)) {
    if (!isInstanceTable(name) || name === except) continue;
    const table = await listTable(run, family, name);
    if (table === null || table.listing.lines.some((line) => /^flags .*\bowner\b/.test(line))) continue;
    const elements = [ALIVE, DRAINING].map((set) => table.listing.sets.get(set)?.elements.size ?? 0);
    if (elements.every((count) => count === 0)) await runNft(run, ['-f', '-'], deleteText(name, family));
  }
};
