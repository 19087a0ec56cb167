import { runNft } from '#netfilter/nft/run-nft.ts';
import { tableText } from '#netfilter/nft/text.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import type { IpFamily } from '../../rule-options.ts';
import { tableOf } from './names.ts';

const BOTH: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** Deletes the tables of these families, with all that is in them. */
export const removeTables = async (run: Run, families = BOTH): Promise<void> => {
  try {
    for (const family of families) {
      const name = tableText(tableOf(family));
      await runNft(run, ['-f', '-'], `table ${name}\ndelete table ${name}\n`);
    }
  } catch (error) {
    // Without nft nobody has made a table.
    if (!(error instanceof CommandError && isMissing(error))) throw error;
  }
};

const isMissing = ({ cause }: CommandError): boolean => (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
