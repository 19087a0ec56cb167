import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText } from '#dns/record-text.ts';
import { replyOf } from './cache-bench.ts';
import { Item } from './item.ts';
import { roundCapacity, Store } from './store.ts';

const item = (reply = replyOf({})): Item =>
  new Item({
    store: 'success',
    reply,
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
    const store = new Store(2_000_000_000, Math.random);
    expect(store.set('a', item())).toBe(0);
    expect([store.size, store.get('a')?.ttlSeconds]).toEqual([1, 5]);
  });

  it('does not count what is replaced or deleted as given up', () => {
    const store = new Store(1, Math.random);
    for (let i = 0; i < 1024; i++) store.set(`${i}`, item());
    expect(store.set('5', item())).toBe(0);
    store.delete('5');
    expect(store.set('new', item())).toBe(0);
    expect(store.set('one more', item())).toBe(1);
  });

  it('gives up as many as it takes when its replies are large beyond measure', () => {
    // Some 2.6 MB each, as a reply of 64 KiB over TCP can be made to take.
    const record = recordFromText(`${'a'.repeat(63)}. 5 IN TXT "${'b'.repeat(200)}"`);
    const large = (): Item => item(replyOf({}).with({ answer: new Array<ResourceRecord>(5000).fill(record) }));
    const store = new Store(10_000, Math.random);
    let evicted = 0;
    for (let i = 0; i < 200; i++) evicted += store.set(`${i}`, large());
    expect(store.octets).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect([store.size + evicted, store.size > 20]).toEqual([200, true]);
    // Small ones take their place again, and nothing is counted that is gone.
    for (let i = 0; i < 20_000; i++) store.set(`small ${i}`, item());
    for (let i = 0; i < 200; i++) store.delete(`${i}`);
    for (let i = 0; i < 20_000; i++) store.delete(`small ${i}`);
    expect([store.size, store.octets]).toEqual([0, 0]);
  });

  it('gives up any one when it is full, so that names asked for in turn are not all given up before their turn', () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 0x1_0000_0000;
    };
    const store = new Store(1, random);
    let hits = 0;
    for (let round = 0; round < 4; round++)
      for (let i = 0; i < 2048; i++) {
        if (store.get(`${i}`) === undefined) store.set(`${i}`, item());
        else hits++;
      }
    expect(hits).toBeGreaterThan(1000);
    expect(store.size).toBe(1024);
  });

  it('holds exactly what a Map would, whatever is set and deleted', () => {
    const step = fc.record({ isSet: fc.boolean(), key: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const store = new Store(1, Math.random);
        const expected = new Map<string, Item>();
        for (const { isSet, key } of steps) {
          const fresh = item();
          if (isSet) {
            store.set(`${key}`, fresh);
            expected.set(`${key}`, fresh);
          } else {
            store.delete(`${key}`);
            expected.delete(`${key}`);
          }
          for (let k = 0; k <= 30; k++) expect(store.get(`${k}`)).toBe(expected.get(`${k}`));
          expect(store.size).toBe(expected.size);
        }
      }),
    );
  });
});
