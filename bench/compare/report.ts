import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { type Difference, type Outcome, queryText } from './difference.ts';

/** A difference, and the row of docs/differences.md for each of its parts, null where there is none. */
export interface Explained extends Difference {
  readonly rows: readonly (string | null)[];
}

/** Prints the kinds with one example each, those without a row whole. True where there is none without. */
export const report = (differences: readonly Explained[], isAll: boolean): boolean => {
  const listed = new Map<string, Explained[]>();
  const unlisted = new Map<string, Explained[]>();
  for (const difference of differences)
    for (const [i, part] of difference.parts.entries()) {
      const row = difference.rows[i] ?? null;
      const [map, key] = row === null ? [unlisted, part] : [listed, row];
      map.set(key, [...(map.get(key) ?? []), difference]);
    }
  const byCount = (map: Map<string, Explained[]>): [string, Explained[]][] =>
    [...map].sort(([, a], [, b]) => b.length - a.length);
  for (const [row, some] of byCount(listed)) {
    console.log(`${String(some.length).padStart(6)}  ${row}\n        e.g. ${exampleOf(some)}`);
  }
  if (listed.size > 0) console.log('');
  for (const [part, some] of byCount(unlisted)) {
    console.log(`${String(some.length).padStart(6)}  NOT LISTED: ${part}`);
    for (const difference of isAll ? some : some.slice(0, 1)) {
      console.log(`        ${difference.corefile}: ${queryText(difference.query)}; ${difference.parts.join('; ')}`);
      console.log(
        `          ours:   ${outcomeText(difference.ours)}\n          theirs: ${outcomeText(difference.theirs)}`,
      );
    }
  }
  const parts = [...unlisted.values()].reduce((sum, some) => sum + some.length, 0);
  console.log(
    `\n${differences.length} replies differ, ${parts} parts of them in a way that docs/differences.md does not have`,
  );
  return unlisted.size === 0;
};

const exampleOf = ([first]: readonly Explained[]): string =>
  first === undefined ? '' : `${first.corefile}: ${queryText(first.query)}; ${first.parts.join('; ')}`;

const outcomeText = (outcome: Outcome): string => {
  if (typeof outcome === 'string') return outcome;
  const { rcode, flags, answer, authority, additional } = outcome;
  const sections = [answer, authority, additional].map((records) => records.slice(0, 6).map(recordToText).join(' | '));
  return `${rcodeName(rcode)} flags ${flags.toString(16)} [${sections.join('] [')}]`;
};
