import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena } from './arena.ts';
import { WORD } from './record.ts';

const CAPACITY = 2048;

/** An arena whose live records are known, each filled with a number of its own. */
class Tracked {
  readonly live = new Map<number, { readonly size: number; readonly mark: number }>();
  readonly evicted: number[] = [];
  readonly arena = new Arena(CAPACITY, {
    moved: (from, to) => {
      const record = this.live.get(from);
      expect(record).toBeDefined();
      this.live.delete(from);
      expect(this.live.has(to)).toBe(false);
      if (record !== undefined) this.live.set(to, record);
    },
    evicted: (at) => {
      const record = this.live.get(at);
      expect(record).toBeDefined();
      this.evicted.push(record?.mark ?? -1);
      this.live.delete(at);
    },
  });
  #marks = 0;

  put(size: number): number {
    const at = this.arena.allocate(size);
    if (at < 0) return -1;
    const mark = ++this.#marks;
    this.arena.memory.words.fill(mark, at / 4, (at + size) / 4);
    this.arena.memory.words[at / 4 + WORD.size] = size;
    this.arena.memory.words[at / 4 + WORD.state] = 0;
    this.live.set(at, { size, mark });
    return mark;
  }

  kill(nth: number): void {
    const at = [...this.live.keys()][nth % Math.max(1, this.live.size)];
    if (at === undefined) return;
    this.arena.kill(at);
    this.live.delete(at);
  }

  warm(mark: number): void {
    for (const [at, record] of this.live) if (record.mark === mark) this.arena.warm(at);
  }

  check(): void {
    const places = [...this.live].sort(([a], [b]) => a - b);
    let end = 0;
    let octets = 0;
    for (const [at, { size, mark }] of places) {
      expect(at % 8).toBe(0);
      expect(at).toBeGreaterThanOrEqual(end);
      end = at + size;
      octets += size;
      for (let word = 4; word < size / 4; word++) expect(this.arena.memory.words[at / 4 + word]).toBe(mark);
    }
    expect(end).toBeLessThanOrEqual(CAPACITY);
    expect(octets).toBeLessThanOrEqual(this.arena.used);
    expect(this.arena.used).toBeLessThanOrEqual(CAPACITY);
  }
}

describe('the arena', () => {
  it('never lets records touch each other, and never holds more than it may', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), n: fc.integer({ min: 2, max: 40 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), n: fc.nat(50) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('warm' as const), n: fc.nat(50) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const tracked = new Tracked();
        for (const { kind, n } of steps) {
          if (kind === 'put') tracked.put(8 * n);
          else if (kind === 'kill') tracked.kill(n);
          else tracked.warm([...tracked.live.values()][n % Math.max(1, tracked.live.size)]?.mark ?? 0);
          tracked.check();
        }
      }),
    );
  });

  it('gives up the oldest first, and what was used since last of all', () => {
    const tracked = new Tracked();
    const [first, second, third] = [tracked.put(512), tracked.put(512), tracked.put(512)];
    tracked.put(512);
    tracked.warm(first);
    tracked.put(512);
    expect(tracked.evicted).toEqual([second]);
    tracked.put(512);
    expect(tracked.evicted).toEqual([second, third]);
  });

  it('refuses what is larger than all of it, and takes what is as large', () => {
    const tracked = new Tracked();
    tracked.put(64);
    expect(tracked.arena.allocate(CAPACITY + 8)).toBe(-1);
    expect(tracked.put(CAPACITY)).toBeGreaterThan(0);
    expect(tracked.live.size).toBe(1);
    tracked.check();
  });
});
