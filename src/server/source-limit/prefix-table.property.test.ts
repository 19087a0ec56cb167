/** What the table promises, for any rate, burst, moments and hashes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixTable } from './prefix-table.ts';

/** Any moment in the first weeks of a machine, 32 bits of time units passed many times. */
const startMs = fc.double({ min: 0, max: 4e9, noNaN: true });
const options = fc.record({ rate: fc.integer({ min: 1, max: 100_000 }), burst: fc.integer({ min: 1, max: 300 }) });
const hash = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const SECOND_ROW = 16;

const tableAt = (limits: { rate: number; burst: number }, nowMs: number): PrefixTable => {
  const shared = new SharedArrayBuffer(PrefixTable.octets);
  const table = new PrefixTable(shared, limits);
  table.clear(nowMs);
  return table;
};

/** The most answers within any stretch of time, less what the rate allows for it: at most the burst. */
const worstExcess = (moments: readonly number[], rate: number): number => {
  let worst = 0;
  let excess = 0;
  let last = moments[0] ?? 0;
  for (const moment of moments) {
    excess = Math.max(0, excess - ((moment - last) * rate) / 1000) + 1;
    last = moment;
    worst = Math.max(worst, excess);
  }
  return worst;
};

describe('the table of sources', () => {
  it('never gives a source more than its rate and its burst, whoever shares its places', () => {
    const query = fc.record({ gapUs: fc.integer({ min: 0, max: 50_000 }), who: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(options, startMs, hash, fc.array(query, { maxLength: 400 }), (limits, from, own, queries) => {
        const table = tableAt(limits, from);
        // Itself, one with its place in the first row, one with that in the second, and a stranger.
        const hashes = [own, own ^ (1 << SECOND_ROW), own ^ 1, ~own];
        const given: number[][] = [[], [], [], []];
        let now = from;
        for (const { gapUs, who } of queries) {
          now += gapUs / 1000;
          table.begin(now);
          if (table.take(hashes[who] as number)) given[who]?.push(now);
        }
        // A time unit is a 16th of an interval, so a moment is known that well.
        for (const moments of given)
          expect(worstExcess(moments, limits.rate)).toBeLessThanOrEqual(limits.burst + 2 / 16 + 1e-3);
      }),
      { numRuns: 300 },
    );
  });

  it('never refuses a source that keeps to its rate and is alone in the table, after however long a pause', () => {
    const pauseMs = fc.oneof(
      fc.double({ min: 0, max: 2000, noNaN: true }),
      fc.double({ min: 0, max: 4e8, noNaN: true }),
    );
    fc.assert(
      fc.property(
        options,
        startMs,
        hash,
        fc.array(pauseMs, { minLength: 1, maxLength: 20 }),
        (limits, from, own, pauses) => {
          const table = tableAt(limits, from);
          let now = from;
          for (const pause of pauses) {
            now += pause;
            for (let i = 0; i < 10; i++) {
              // What the clock's own resolution takes away must not count against the source.
              now += (1000 / limits.rate) * (1 + 1 / 8);
              table.begin(now);
              expect(table.take(own)).toBe(true);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives one that comes again after a while its whole burst at once, and not one more', () => {
    fc.assert(
      fc.property(options, startMs, hash, fc.double({ min: 1, max: 1e7, noNaN: true }), (limits, from, own, pause) => {
        const table = tableAt(limits, from);
        for (const moment of [from, from + pause + (1000 * (limits.burst + 1)) / limits.rate]) {
          table.begin(moment);
          for (let i = 0; i < limits.burst; i++) expect(table.take(own)).toBe(true);
          expect(table.take(own)).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('refuses a quiet source only where both its places are full', () => {
    const table = tableAt({ rate: 10, burst: 10 }, 0);
    const [own, inFirst, inSecond] = [0x0007_0007, 0x0008_0007, 0x0007_0008];
    for (let i = 0; i < 10; i++) table.take(inFirst);
    expect(table.take(inFirst)).toBe(false);
    expect(table.take(own)).toBe(true);
    for (let i = 0; i < 10; i++) table.take(inSecond);
    expect(table.take(own)).toBe(false);
  });

  it('is one for all who have its memory', () => {
    const shared = new SharedArrayBuffer(PrefixTable.octets);
    const tables = [0, 1, 2].map(() => new PrefixTable(shared, { rate: 5, burst: 6 }));
    tables[0]?.clear(1000);
    for (const table of tables) table.begin(1000);
    const given = Array.from({ length: 30 }, (_, i) => tables[i % 3]?.take(99)).filter(Boolean);
    expect(given).toHaveLength(6);
  });
});
