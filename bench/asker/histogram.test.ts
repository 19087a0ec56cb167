import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

describe('the histogram of latencies', () => {
  it('has every quantile that the sorted values have, to 1.6 %', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 60_000_000 }), { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.001, 0.5, 0.99, 0.999, 1),
        (values, share) => {
          const histogram = new Histogram();
          for (const value of values) histogram.record(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] as number;
          const found = histogram.quantile(share);
          expect(found).toBeGreaterThanOrEqual(exact);
          expect(found).toBeLessThanOrEqual(exact * 1.016 + 1);
        },
      ),
    );
  });

  it('knows how many there were, and the largest', () => {
    const histogram = new Histogram();
    for (const value of [5, 70_000, 12.4]) histogram.record(value);
    expect([histogram.count, histogram.max, histogram.quantile(1)]).toEqual([3, 70_000, 70_000]);
  });

  it('is empty at first', () => {
    expect(new Histogram().quantile(0.99)).toBe(0);
  });
});
