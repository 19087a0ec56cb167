import { describe, expect, it } from 'vitest';
import { Patience } from './patience.ts';

const patienceAfter = (replies: readonly number[], readTimeoutMs = 2000): Patience => {
  const patience = new Patience(readTimeoutMs);
  for (const ms of replies) patience.observe(ms);
  return patience;
};
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

describe('Patience', () => {
  it('bears 200 ms of silence where replies are quick, or none has come yet', () => {
    expect([patienceAfter([]).ms, patienceAfter(times(50, 1)).ms]).toEqual([200, 200]);
  });

  it('bears more than what replies take where they are slow, but never as much as the read timeout', () => {
    expect(patienceAfter(times(50, 400)).ms).toBeGreaterThan(400);
    expect(patienceAfter([...times(20, 100), ...times(20, 300)]).ms).toBeGreaterThan(300);
    expect(patienceAfter(times(50, 1900)).ms).toBeCloseTo(2000 / 3);
    expect(patienceAfter(times(50, 1), 450).ms).toBe(150);
  });

  it('bears 100 ms at least, so that a short read timeout ends a query before it is asked again', () => {
    expect(patienceAfter([], 60).ms).toBe(100);
  });

  it('takes replies for quick only when some were', () => {
    expect(patienceAfter([]).isQuick).toBe(false);
    expect(patienceAfter([1]).isQuick).toBe(true);
    expect(patienceAfter(times(20, 30)).isQuick).toBe(false);
    expect(patienceAfter([...times(20, 30), ...times(20, 1)]).isQuick).toBe(true);
  });
});
