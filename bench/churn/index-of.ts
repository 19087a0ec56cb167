import { OBJECTS } from '../../test/server/churn/changing.ts';

const KINDS = ['web-', 'db-', 'host-'];
const OF_EACH = OBJECTS.length / KINDS.length;

/** Index among OBJECTS of what has this name in the API (`web-1`, the slice `db-1-1`); -1 for all else. */
export const indexOf = (name: string): number => {
  const kind = KINDS.findIndex((prefix) => name.startsWith(prefix));
  return kind < 0 ? -1 : kind * OF_EACH + Number(name.split('-')[1]);
};
