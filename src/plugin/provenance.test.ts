import { describe, expect, it } from 'vitest';
import { Generations } from './generations.ts';
import { isCurrent, Provenance } from './provenance.ts';

describe('generations', () => {
  it('give a dependency the same slot each time, within the table', () => {
    const generations = new Generations(4);
    for (const dependency of ['', 'svc/default/web', 'zürich', 'x'.repeat(10_000)]) {
      const slot = generations.slotOf(dependency);
      expect(generations.slotOf(dependency)).toBe(slot);
      expect(slot).toBeGreaterThanOrEqual(0);
      expect(slot).toBeLessThan(16);
    }
  });

  it('spread similar names over the table', () => {
    const generations = new Generations();
    const slots = new Set(Array.from({ length: 1000 }, (_, i) => generations.slotOf(`svc/default/web-${i}`)));
    expect(slots.size).toBeGreaterThan(950);
  });

  it('move by a bump, and only in its slot', () => {
    const generations = new Generations(4);
    generations.bump(3);
    expect([generations.at(3), generations.at(2)]).toEqual([1, 0]);
  });

  it('tell an old answer apart even after a counter has gone round', () => {
    const generations = new Generations(1);
    generations.words[0] = 0x7fffffff;
    const before = generations.at(0);
    generations.bump(0);
    expect(generations.at(0)).not.toBe(before);
    expect(isCurrent(generations, [0], [before])).toBe(false);
  });
});

describe('provenance', () => {
  it('is current until something it depends on changes', () => {
    const generations = new Generations();
    const provenance = new Provenance(generations);
    const [web, dns] = [generations.slotOf('web'), generations.slotOf('dns')];
    provenance.dependOn(web);
    const { slots, seen } = provenance;
    expect(isCurrent(generations, slots, seen)).toBe(true);
    generations.bump(dns);
    expect(isCurrent(generations, slots, seen)).toBe(true);
    generations.bump(web);
    expect(isCurrent(generations, slots, seen)).toBe(false);
  });

  it('keeps what it saw before the data was read: a change in between makes it stale', () => {
    const generations = new Generations();
    const provenance = new Provenance(generations);
    provenance.dependOn(5);
    generations.bump(5);
    provenance.dependOn(5);
    expect(isCurrent(generations, provenance.slots, provenance.seen)).toBe(false);
  });

  it('takes over what an earlier answer was made from, with what was seen then', () => {
    const generations = new Generations();
    const earlier = new Provenance(generations);
    earlier.dependOn(5);
    const later = new Provenance(generations);
    later.inherit(earlier.slots, earlier.seen);
    expect(isCurrent(generations, later.slots, later.seen)).toBe(true);
    generations.bump(5);
    const latest = new Provenance(generations);
    latest.inherit(earlier.slots, earlier.seen);
    expect(isCurrent(generations, latest.slots, latest.seen)).toBe(false);
  });

  it('may be repeated until a layer forbids it', () => {
    const provenance = new Provenance(new Generations());
    expect(provenance.isRepeatable).toBe(true);
    provenance.forbid();
    expect(provenance.isRepeatable).toBe(false);
  });
});
