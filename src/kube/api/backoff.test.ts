import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';

const delays = (backoff: Backoff, count: number): number[] => Array.from({ length: count }, () => backoff.next());

describe('Backoff', () => {
  it('waits at least 0.8 s and at most 30 s, the bound doubling', () => {
    expect(delays(new Backoff(() => 1), 8)).toEqual([1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    expect(delays(new Backoff(() => 0), 3)).toEqual([800, 800, 800]);
  });

  it('stays at its cap however long the server is gone', () => {
    expect(delays(new Backoff(() => 1), 5000).at(-1)).toBe(30_000);
  });

  it('waits as long as the server asks, with less than a second on top, however often it asks', () => {
    const backoff = new Backoff(() => 1);
    for (let i = 0; i < 20; i++) expect(backoff.next(3000)).toBe(3800);
    expect(new Backoff(() => 0).next(45_000)).toBe(45_000);
    expect(backoff.failures).toBe(0);
    expect(backoff.next()).toBe(1600);
  });

  it('begins anew after a success', () => {
    const backoff = new Backoff(() => 1);
    delays(backoff, 4);
    backoff.reset();
    expect(backoff.next()).toBe(1600);
  });
});
