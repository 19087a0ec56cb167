import { describe, expect, it } from 'vitest';
import { replyOf } from './cache-bench.ts';
import { Item } from './item.ts';
import { roundCapacity, Store } from './store.ts';

const item = (): Item =>
  new Item({
    store: 'success',
    reply: replyOf({}),
    ttlSeconds: 5,
    storedAtMs: 0,
    slots: [],
    seen: [],
    isAnswering: false,
    lastKnownGood: null,
  });

describe('roundCapacity', () => {
  it.each([
    [10_000, 9984],
    [10, 1024],
    [0, 1024],
    [-5, 1024],
    [512, 1024],
    [2048, 2048],
  ])('makes %i %i, as 256 shards do', (configured, holds) => {
    expect(roundCapacity(configured)).toBe(holds);
  });
});

describe('Store', () => {
  it('takes no memory beforehand for a capacity that may never be used', () => {
    const store = new Store(2_000_000_000);
    expect(store.set('a', item())).toBe(0);
    expect([store.size, store.get('a')?.ttlSeconds]).toEqual([1, 5]);
  });

  it('does not count what is replaced or deleted as given up', () => {
    const store = new Store(1);
    for (let i = 0; i < 1024; i++) store.set(`${i}`, item());
    expect(store.set('5', item())).toBe(0);
    store.delete('5');
    expect(store.set('new', item())).toBe(0);
    expect(store.set('one more', item())).toBe(1);
  });
});
