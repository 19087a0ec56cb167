import { describe, expect, it } from 'vitest';
import { editDistance, nearestWord, suggestion } from './suggest.ts';

const known = ['errors', 'log', 'forward', 'kubernetes', 'cache', 'health', 'ready', 'hosts'];

describe('did you mean', () => {
  it.each([
    ['kuberntes', 'kubernetes'],
    ['Forward', 'forward'],
    ['catche', 'cache'],
    ['lgo', 'log'],
    ['host', 'hosts'],
    ['kube', 'kubernetes'],
  ])('%s: %s', (word, meant) => {
    expect(suggestion(word, known)).toBe(`did you mean "${meant}"?`);
  });

  it.each(['errors', 'xyz', 'whoami', 'a', ''])('has nothing to say about %j', (word) => {
    expect(suggestion(word, known)).toBeUndefined();
  });

  it('prefers the nearest, and of equals the first', () => {
    expect(nearestWord('abcd', ['abdd', 'abcx', 'abcd1'])).toBe('abdd');
    expect(nearestWord('abcdef', ['abxxef', 'abcdex'])).toBe('abcdex');
  });

  it('counts a swap of neighbours as one edit', () => {
    expect(editDistance('ab', 'ba')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });
});
