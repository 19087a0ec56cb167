import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResourceRecord } from '#dns/record.ts';
import { recordFromText } from '#dns/record-text.ts';
import type { Answer } from '#plugin/index.ts';
import { replyOf } from './cache-bench.ts';
import { CacheMemory } from './cache-memory.ts';
import { Item, type ItemFields } from './item.ts';
import { roundCapacity, Store, type StoreOptions } from './store.ts';

const fieldsOf = (key: string, reply = replyOf({})): ItemFields => ({
  store: 'success',
  key,
  reply,
  ttlSeconds: 5,
  storedAtMs: 0,
  slots: [],
  seen: [],
  isAnswering: false,
  lastKnownGood: null,
});
const item = (key: string, reply?: Answer): Item => new Item(fieldsOf(key, reply));

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

const LIMIT = 64 * 1024 * 1024;

interface Bench {
  readonly store: Store;
  readonly memory: CacheMemory;
  evicted: number;
  nowMs: number;
}

const benchOf = (capacity: number, options: Partial<StoreOptions> = {}, limitOctets: number | null = null): Bench => {
  const memory = new CacheMemory(Math.random);
  const evicted = (): void => {
    bench.evicted++;
  };
  const nowMs = (): number => bench.nowMs;
  const store = new Store({ capacity, staleSeconds: 0, random: Math.random, nowMs, evicted, ...options }, memory);
  memory.join({ stores: [store], limitOctets });
  const bench: Bench = { store, memory, evicted: 0, nowMs: 0 };
  return bench;
};

// Some 1.6 MB, as a reply of 64 KiB over TCP can be made to take.
const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.`;
const other = recordFromText(`${long} 5 IN CNAME ${'d'.repeat(40)}.${long}`);
const record = recordFromText(`${'d'.repeat(40)}.${long} 5 IN CNAME ${long}`);
const LARGE = replyOf({}).with({
  answer: Array.from({ length: 4000 }, (_, i): ResourceRecord => (i % 2 === 0 ? other : record)),
});

describe('Store', () => {
  it('takes no memory beforehand for a capacity that may never be used', () => {
    const { store } = benchOf(2_000_000_000);
    store.set(item('a'));
    expect([store.size, store.get('a')?.ttlSeconds]).toEqual([1, 5]);
  });

  it('does not count what is replaced or deleted as given up', () => {
    const bench = benchOf(1);
    const { store } = bench;
    for (let i = 0; i < 1024; i++) store.set(item(`${i}`));
    store.set(item('5'));
    store.delete('5');
    store.set(item('new'));
    expect(bench.evicted).toBe(0);
    store.set(item('one more'));
    expect(bench.evicted).toBe(1);
  });

  it('gives up as many as it takes when its replies are large beyond measure', () => {
    const bench = benchOf(10_000);
    const { store } = bench;
    for (let i = 0; i < 200; i++) store.set(item(`${i}`, LARGE));
    expect(store.octets).toBeLessThanOrEqual(LIMIT);
    expect([store.size + bench.evicted, store.size > 20]).toEqual([200, true]);
    // Small ones take their place again, and nothing is counted that is gone.
    for (let i = 0; i < 20_000; i++) store.set(item(`small ${i}`));
    for (let i = 0; i < 200; i++) store.delete(`${i}`);
    for (let i = 0; i < 20_000; i++) store.delete(`small ${i}`);
    expect([store.size, store.octets, bench.memory.octets]).toEqual([0, 0, 0]);
  });

  it('gives up any one when it is full, so that names asked for in turn are not all given up before their turn', () => {
    let state = 1;
    const random = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 0x1_0000_0000;
    };
    const { store } = benchOf(1, { random });
    let hits = 0;
    for (let round = 0; round < 4; round++)
      for (let i = 0; i < 2048; i++) {
        if (store.get(`${i}`) === undefined) store.set(item(`${i}`));
        else hits++;
      }
    expect(hits).toBeGreaterThan(1000);
    expect(store.size).toBe(1024);
  });

  it('keeps names that are in demand while others are asked for once', () => {
    const { store } = benchOf(1);
    for (let i = 0; i < 512; i++) store.set(item(`known ${i}`));
    for (let i = 0; i < 512; i++) (store.get(`known ${i}`) as Item).isUsed = true;
    for (let i = 0; i < 20_000; i++) store.set(item(`random ${i}`));
    const left = Array.from({ length: 512 }, (_, i) => store.get(`known ${i}`)).filter((found) => found !== undefined);
    expect(left.length).toBeGreaterThan(400);
  });

  it('gives up what nobody may have any more before all else', () => {
    const bench = benchOf(1, { staleSeconds: 10 });
    const { store } = bench;
    for (let i = 0; i < 512; i++) store.set(item(`old ${i}`));
    for (let i = 0; i < 512; i++) (store.get(`old ${i}`) as Item).isUsed = true;
    bench.nowMs = 15_000;
    const fresh = (key: string): Item => new Item({ ...fieldsOf(key), storedAtMs: bench.nowMs });
    for (let i = 0; i < 900; i++) store.set(fresh(`${i}`));
    const left = Array.from({ length: 900 }, (_, i) => store.get(`${i}`)).filter((found) => found !== undefined);
    expect(left.length).toBeGreaterThan(850);
  });

  it('holds exactly what a Map would, whatever is set and deleted', () => {
    const step = fc.record({ isSet: fc.boolean(), key: fc.nat(30) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { store } = benchOf(1);
        const expected = new Map<string, Item>();
        for (const { isSet, key } of steps) {
          const fresh = item(`${key}`);
          if (isSet) {
            store.set(fresh);
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

describe('CacheMemory', () => {
  const MIB = 1024 * 1024;

  it('is one bound for all stores, and what goes is what is worth least, whichever store it is in', () => {
    const memory = new CacheMemory(Math.random);
    const nowMs = (): number => 0;
    const evicted = (): void => undefined;
    const make = (): Store =>
      new Store({ capacity: 10_000, staleSeconds: 0, random: Math.random, nowMs, evicted }, memory);
    const [used, unused] = [make(), make()];
    memory.join({ stores: [used], limitOctets: 2 * MIB });
    memory.join({ stores: [unused], limitOctets: null });
    expect(memory.limit).toBe(2 * MIB);
    for (let i = 0; i < 1000; i++) used.set(item(`${i}`));
    for (let i = 0; i < 1000; i++) (used.get(`${i}`) as Item).isUsed = true;
    for (let i = 0; i < 9000; i++) unused.set(item(`${i}`));
    expect(memory.octets).toBeLessThanOrEqual(2 * MIB);
    expect(memory.octets).toBe(used.octets + unused.octets);
    expect([used.size > 900, unused.size < 9000]).toEqual([true, true]);
  });

  it('has room for 2 KiB of each reply that may be held, where no line says a size', () => {
    const { memory, store } = benchOf(100_000);
    expect(memory.limit).toBe(2048 * store.capacity);
    expect(benchOf(10_000).memory.limit).toBe(LIMIT);
  });

  it('takes the least of several sizes', () => {
    const { memory } = benchOf(1000, {}, 8 * MIB);
    const member = { stores: [], limitOctets: 4 * MIB };
    memory.join(member);
    expect(memory.limit).toBe(4 * MIB);
    memory.leave(member);
    expect(memory.limit).toBe(8 * MIB);
  });
});
