import type { Additions, Cells } from './cells.ts';

/** Counts on a thread's sheet what a memory of replies counts at every sending. */
export const countOn = (cells: Cells, thread: number, { cells: places, amounts }: Additions): void => {
  const sheet = cells.sheet(thread);
  for (const [i, cell] of places.entries()) sheet[cell] = (sheet[cell] as number) + (amounts[i] as number);
};
