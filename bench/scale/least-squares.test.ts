import { describe, expect, it } from 'vitest';
import { leastSquares } from './least-squares.ts';

describe('leastSquares', () => {
  it('gives back a line that all points are on', () => {
    const rows = [1, 2, 5].map((x) => [1, x]);
    const [base = 0, slope = 0] = leastSquares(
      rows,
      rows.map(([, x = 0]) => 60 + 3 * x),
    );
    expect(base).toBeCloseTo(60);
    expect(slope).toBeCloseTo(3);
  });

  it('goes between points that are on no line', () => {
    const [base, slope] = leastSquares(
      [0, 1, 2].map((x) => [1, x]),
      [0, 3, 3],
    );
    expect(slope).toBeCloseTo(1.5);
    expect(base).toBeCloseTo(0.5);
  });

  it('tells two slopes apart, of very different size', () => {
    const rows = [
      [1, 1000, 2000],
      [1, 5000, 10_000],
      [1, 5100, 20_000],
      [1, 5300, 40_000],
    ];
    const found = leastSquares(
      rows,
      rows.map(([, services = 0, endpoints = 0]) => 80 + 0.002 * services + 0.0003 * endpoints),
    );
    expect(found[0]).toBeCloseTo(80, 3);
    expect(found[1]).toBeCloseTo(0.002, 6);
    expect(found[2]).toBeCloseTo(0.0003, 7);
  });

  it('refuses points that leave a slope open', () => {
    expect(() =>
      leastSquares(
        [1, 2].map((x) => [1, x, 2 * x]),
        [1, 2],
      ),
    ).toThrow('do not settle');
  });
});
