/**
 * Coefficients b that bring the sum of squares of (b[0] x[0] + b[1] x[1] + ...) - y to its least, over all rows. A row with a 1 in one place has a base there.
 * Throws where the rows do not settle them.
 */
export const leastSquares = (rows: readonly (readonly number[])[], values: readonly number[]): readonly number[] => {
  const width = rows[0]?.length ?? 0;
  const at = (row: readonly number[], i: number): number => row[i] as number;
  /** The normal equations, with the right side as the last column. */
  const equations = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (_, j) => rows.reduce((sum, row) => sum + at(row, i) * at(row, j), 0)),
    rows.reduce((sum, row, k) => sum + at(row, i) * at(values, k), 0),
  ]);
  const scale = Math.max(...equations.flatMap((equation, i) => [at(equation, i)]), 0);
  for (let i = 0; i < width; i++) {
    const pivot = equations.slice(i).reduce((best, one) => (Math.abs(at(one, i)) > Math.abs(at(best, i)) ? one : best));
    if (!(Math.abs(at(pivot, i)) > scale * 1e-12)) throw new Error('the rows do not settle the coefficients');
    equations.splice(equations.indexOf(pivot), 1);
    equations.splice(i, 0, pivot);
    for (const [j, other] of equations.entries()) {
      if (j === i) continue;
      const factor = at(other, i) / at(pivot, i);
      for (let k = i; k <= width; k++) other[k] = at(other, k) - factor * at(pivot, k);
    }
  }
  return equations.map((equation, i) => at(equation, width) / at(equation, i));
};
