import type { FoundTable } from '#netfilter/nft/message.ts';
import { isGone, isNotPermitted, nftFailure, startNft } from '#netfilter/nft/run-nft.ts';
import type { Run } from '#netfilter/run.ts';
import { deleteText } from './instance-text.ts';
import { listTable } from './list-tables.ts';
import { ALIVE, DRAINING, FAMILIES, familyNumber, isInstanceTable } from './names.ts';

const ARGUMENTS = ['-f', '-'];

/**
 * Removes what an instance without an owned table has left: on none of its addresses it is alive. One that only hangs makes its table again. Rejects with
 * CommandError.
 */
export const removeDeadInstances = async (run: Run, tables: readonly FoundTable[]): Promise<void> => {
  for (const { family: number, name, isOwned } of tables) {
    const family = FAMILIES.find((each) => familyNumber(each) === number);
    if (isOwned || family === undefined || !isInstanceTable(name)) continue;
    const table = await listTable(run, family, name);
    const elements = [ALIVE, DRAINING].map((set) => table?.listing.sets.get(set)?.elements.size ?? 0);
    if (table === null || elements.some((count) => count > 0)) continue;
    const result = await startNft(run, ARGUMENTS, deleteText(name, family));
    // Without a word of the kernel's who owns it, this is how it tells.
    if (result.exitCode !== 0 && !isGone(result) && !isNotPermitted(result)) throw nftFailure(ARGUMENTS, result);
  }
};
