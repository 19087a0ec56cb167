import { describe, expect, it } from 'vitest';
import { makePolicy } from './policy.ts';

const FOUR = ['a', 'b', 'c', 'd'];

describe('policies', () => {
  it('sequential keeps the order of the Corefile', () => {
    expect(makePolicy('sequential', Math.random).order(FOUR)).toEqual(FOUR);
  });

  it('round_robin starts one further with each query, the first time at the second upstream', () => {
    const policy = makePolicy('round_robin', Math.random);
    expect(FOUR.map(() => policy.order(FOUR).join(''))).toEqual(['bacd', 'cabd', 'dabc', 'abcd']);
  });

  it('random gives every order of the upstreams, and all of them each time', () => {
    const policy = makePolicy('random', Math.random);
    const orders = new Set(Array.from({ length: 2000 }, () => policy.order(FOUR).join('')));
    expect(orders.size).toBe(24);
    expect([...orders].every((order) => [...order].sort().join('') === 'abcd')).toBe(true);
    expect(FOUR).toEqual(['a', 'b', 'c', 'd']);
  });

  it('random swaps two upstreams half of the time', () => {
    const numbers = [0.2, 0.7];
    const policy = makePolicy('random', () => numbers.shift() ?? 0);
    expect(policy.order(['a', 'b'])).toEqual(['b', 'a']);
    expect(policy.order(['a', 'b'])).toEqual(['a', 'b']);
  });

  it('need no choice with one upstream', () => {
    for (const name of ['random', 'round_robin', 'sequential'] as const)
      expect(makePolicy(name, Math.random).order(['a'])).toEqual(['a']);
  });
});
