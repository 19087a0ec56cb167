import { describe, expect, it } from 'vitest';
import { hits, newExternal, podMix, reverse } from './queries.ts';

const need = { services: 100, count: 1000, seed: 1 };

describe('query lists', () => {
  it('ask for every Service where there are few, and for as many of them where there are more', () => {
    expect(hits(need)).toHaveLength(100);
    const many = hits({ ...need, services: 50_000 });
    expect(many).toHaveLength(5000);
    expect(new Set(many).size).toBe(5000);
    expect(many.at(-1)).toMatch(/^svc-49\d{3}\./);
  });

  it('never ask for a new name twice, in this measurement or the next', () => {
    const [one, two] = [newExternal(need), newExternal({ ...need, seed: 2 })];
    expect(new Set([...one, ...two]).size).toBe(2000);
    expect(newExternal(need)).toEqual(one);
  });

  it('leave headless Services out of the reverse names', () => {
    expect(reverse(need)).toHaveLength(90);
    expect(reverse(need).every((line) => /^[\d.]+\.in-addr\.arpa PTR$/.test(line))).toBe(true);
  });

  it('have both address types of every name that a pod walks through', () => {
    const lines = podMix(need);
    const types = (type: string): string[] => lines.filter((line) => line.endsWith(` ${type}`));
    expect(types('A').map((line) => line.split(' ')[0])).toEqual(types('AAAA').map((line) => line.split(' ')[0]));
  });
});
