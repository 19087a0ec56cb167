import { tableText } from '#netfilter/nft/text.ts';
import { CommandError, type Run } from '#netfilter/run.ts';
import { tableOf } from './names.ts';
import { runNft } from './nft.ts';

/** Deletes the tables of both families, with all that is in them. */
export const removeTables = async (run: Run): Promise<void> => {
  try {
    for (const family of ['IPv4', 'IPv6'] as const) {
      const name = tableText(tableOf(family));
      await runNft(run, ['-f', '-'], `table ${name}\ndelete table ${name}\n`);
    }
  } catch (error) {
    // Without nft nobody has made a table.
    if (!(error instanceof CommandError && isMissing(error))) throw error;
  }
};

const isMissing = ({ cause }: CommandError): boolean => (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
