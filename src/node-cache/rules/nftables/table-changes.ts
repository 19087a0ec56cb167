import { type OpenTableEvents, openTableEvents, type TableEvents } from '#netfilter/nft/events.ts';
import type { ChangeSource } from '../../change-watch.ts';
import { type Family, nftFamily, PERMANENT_TABLE } from './names.ts';

/** Changes of the permanent table, by whomever. Rejects with NoLibc or SystemCallError. */
export const openTableChanges = async (
  families: readonly Family[],
  open: OpenTableEvents = openTableEvents,
): Promise<ChangeSource> => {
  const events: TableEvents[] = [];
  const close = (): void => {
    for (const each of events.splice(0)) each.close();
  };
  try {
    for (const family of families) events.push(await open({ family: nftFamily(family), name: PERMANENT_TABLE }));
  } catch (error) {
    close();
    throw error;
  }
  return {
    // All of them are read: what one has to say must not wait behind another.
    hasChanged: () =>
      events.filter((each) => {
        const { transactions, isLost } = each.read();
        return isLost || transactions.length > 0;
      }).length > 0,
    close,
  };
};
