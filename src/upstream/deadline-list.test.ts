import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DeadlineList, type Timed } from './deadline-list.ts';

const clock = { monotonicMs: () => performance.now() };
let over: string[] = [];

const wait = (name: string): Timed => ({
  deadlineMs: 0,
  previous: null,
  next: null,
  expired: () => over.push(name),
});

beforeEach(() => {
  over = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('DeadlineList', () => {
  it('ends each wait when its time is over, in order', () => {
    const list = new DeadlineList(100, clock);
    list.add(wait('a'));
    vi.advanceTimersByTime(60);
    list.add(wait('b'));
    vi.advanceTimersByTime(41);
    expect(over).toEqual(['a']);
    vi.advanceTimersByTime(60);
    expect(over).toEqual(['a', 'b']);
  });

  it('forgets a wait that ended early, wherever in the list it stands, and one that is not in it', () => {
    const list = new DeadlineList(100, clock);
    const all = ['a', 'b', 'c', 'd', 'e'].map(wait);
    for (const one of all) list.add(one);
    for (const index of [2, 0, 4, 0]) list.remove(all[index] as Timed);
    vi.advanceTimersByTime(101);
    expect(over).toEqual(['b', 'd']);
  });

  it('needs one timer for all waits, and none when nothing waits', () => {
    const list = new DeadlineList(100, clock);
    for (let i = 0; i < 50; i++) list.add(wait(String(i)));
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(101);
    expect([over.length, vi.getTimerCount()]).toEqual([50, 0]);
  });

  it('tells nobody after it is closed', () => {
    const list = new DeadlineList(100, clock);
    list.add(wait('a'));
    list.close();
    vi.advanceTimersByTime(1000);
    expect([over, vi.getTimerCount()]).toEqual([[], 0]);
  });
});
