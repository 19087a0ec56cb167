import { type Listing, listArguments, parseListing } from '#netfilter/nft/listing.ts';
import { isGone, nftFailure, runNft, startNft } from '#netfilter/nft/run-nft.ts';
import type { Run } from '#netfilter/run.ts';
import { type Family, nftFamily } from './names.ts';

/** A table as it is, null where there is none. Rejects with CommandError. */
export const listTable = async (run: Run, family: Family, name: string): Promise<ListedTable | null> => {
  const args = listArguments(`${nftFamily(family)} ${name}`);
  const result = await startNft(run, args);
  if (result.exitCode === 0) return { text: result.stdout, listing: parseListing(result.stdout) };
  if (isGone(result)) return null;
  throw nftFailure(args, result);
};

export interface ListedTable {
  /** nft takes it as it is. */
  readonly text: string;
  readonly listing: Listing;
}

/** Tables of these families, in no order. Rejects with CommandError. */
export const listTables = async (
  run: Run,
  families: readonly Family[],
): Promise<readonly { readonly family: Family; readonly name: string }[]> => {
  const { stdout } = await runNft(run, ['list', 'tables']);
  return families.flatMap((family) =>
    [...stdout.matchAll(new RegExp(`^table ${nftFamily(family)} (\\S+)`, 'gm'))].map(([, name = '']) => ({
      family,
      name,
    })),
  );
};
