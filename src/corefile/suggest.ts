/** Hint for a word that is none of the known ones: `did you mean "forward"?`; undefined where none is near or the word is known. */
export const suggestion = (word: string, known: readonly string[]): string | undefined => {
  const near = known.includes(word) ? null : nearestWord(word, known);
  return near === null ? undefined : `did you mean "${near}"?`;
};

/**
 * The known word fewest edits away from `word`, at most one edit in three letters, else one that begins with it; the first of equals;
 * null where none is.
 */
export const nearestWord = (word: string, known: readonly string[]): string | null => {
  const most = Math.min(3, Math.round(word.length / 3));
  let best: string | null = null;
  let bestDistance = most + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  if (best !== null || word.length < 3) return best;
  return known.find((candidate) => candidate.startsWith(word)) ?? null;
};

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export const editDistance = (from: string, to: string): number => {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const cost = from[i - 1] === to[j - 1] ? 0 : 1;
      let least = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + cost);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (isSwap) least = Math.min(least, (before[j - 2] as number) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[to.length] as number;
};
