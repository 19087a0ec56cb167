import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Generations } from '#plugin/index.ts';
import { EchoBumps } from './echo-bumps.ts';

describe('EchoBumps', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const start = () => {
    const generations = new Generations();
    const bumps = new EchoBumps(generations);
    return { bumps, at: (slot: number) => generations.at(slot) };
  };

  it('bumps at once, and again after a quarter of a second, one second and three', () => {
    const { bumps, at } = start();
    bumps.bump([7, 65_535]);
    expect([at(7), at(65_535), at(8)]).toEqual([1, 1, 0]);
    const seen: number[] = [];
    for (let ms = 0; ms < 4000; ms += 250) {
      vi.advanceTimersByTime(250);
      if (at(7) > seen.length + 1) seen.push(ms + 250);
    }
    expect(seen).toEqual([500, 1250, 3250]);
    expect([at(7), at(65_535), at(8)]).toEqual([4, 4, 0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts the time anew for each change, and bumps a slot once a tick however often it changes', () => {
    const { bumps, at } = start();
    for (let i = 0; i < 100; i++) bumps.bump([7]);
    expect(at(7)).toBe(100);
    vi.advanceTimersByTime(2000);
    expect(at(7)).toBe(102);
    bumps.bump([7]);
    vi.advanceTimersByTime(10_000);
    // The change, and its three, of which one is the last of the first hundred, too.
    expect(at(7)).toBe(106);
  });

  it('goes on under changes without end, and stops with one timer for all of them', () => {
    const { bumps, at } = start();
    for (let second = 0; second < 60; second++) {
      for (let slot = 0; slot < 1000; slot++) bumps.bump([slot]);
      expect(vi.getTimerCount()).toBe(1);
      vi.advanceTimersByTime(1000);
    }
    vi.advanceTimersByTime(10_000);
    expect(vi.getTimerCount()).toBe(0);
    // After 3 s there is the tick of the change two seconds later after 1 s.
    for (let slot = 0; slot < 1000; slot++) expect(at(slot)).toBe(60 + 60 + 62);
    bumps.bump([1]);
    bumps.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
