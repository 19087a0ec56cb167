import { describe, expect, it } from 'vitest';
import { matchesLabels, parseLabelSelector } from './label-selector.ts';

const read = (text: string) => {
  const selector = parseLabelSelector(text);
  if ('error' in selector) throw new Error(selector.error);
  return selector;
};
const matches = (text: string, labels: Record<string, string>) => matchesLabels(read(text), labels);
const errorOf = (text: string) => {
  const selector = parseLabelSelector(text);
  return 'error' in selector ? selector.error : '';
};

describe('parseLabelSelector', () => {
  it('gives one form to send, sorted by key and value', () => {
    expect(read('').text).toBe('');
    expect(read(' tier in (b, a , b) , app == web,!legacy, x.io/y').text).toBe('app=web,!legacy,tier in (a,b),x.io/y');
    expect(read('a notin (x),b=').text).toBe('a notin (x),b=');
  });

  it('takes operators as keys and values where the grammar has room for them', () => {
    expect(read('in in (in, notin)').requirements).toEqual([{ key: 'in', operator: 'in', values: ['in', 'notin'] }]);
  });

  it('keeps the last of two equalities for one key, as the API does', () => {
    expect(read('a=1,a=2').text).toBe('a=2');
  });

  it('says in the words of the API what is wrong', () => {
    expect(errorOf('environment in (production, qa')).toBe(
      `couldn't parse the selector string "environment in (production, qa": unable to parse requirement: found '', expected: ',' or ')'`,
    );
    expect(errorOf('a b')).toContain("found 'b', expected: in, notin, =, ==, !=, gt, lt");
    expect(errorOf('a,')).toContain("found '', expected: identifier after ','");
    expect(errorOf(',a')).toContain("found ',', expected: !, identifier, or 'end of string'");
    expect(errorOf('!a=b')).toContain("found '=', expected: ',' or 'end of string'");
    expect(errorOf('a in b')).toContain("found 'b' expected: '('");
    expect(errorOf('a in (=)')).toContain("found '=', expected: ',', ')' or identifier");
    expect(errorOf('-a=b')).toContain('Invalid value: "-a"');
    expect(errorOf('a=b/c')).toContain('Invalid value: "b/c"');
  });

  it('refuses what CoreDNS refuses, and names the form that works', () => {
    expect(errorOf('a!=b')).toBe('"!=" is not a valid label selector operator: write a notin (b)');
    expect(errorOf('a>1')).toBe(`"gt" isn't supported in label selectors`);
  });
});

describe('matchesLabels', () => {
  it('selects everything where nothing is asked', () => {
    expect(matches('', {})).toBe(true);
  });

  it('asks for a value, one of several values, or the key alone', () => {
    expect(matches('app=web', { app: 'web', tier: 'a' })).toBe(true);
    expect(matches('app=web', { app: 'db' })).toBe(false);
    expect(matches('app in (web,db)', { app: 'db' })).toBe(true);
    expect(matches('app', { app: '' })).toBe(true);
    expect(matches('app', {})).toBe(false);
    expect(matches('app in (,web)', { app: '' })).toBe(true);
  });

  it('counts a missing key as different from every value', () => {
    expect(matches('app notin (web)', {})).toBe(true);
    expect(matches('app notin (web)', { app: 'web' })).toBe(false);
    expect(matches('!app', {})).toBe(true);
    expect(matches('!app', { app: '' })).toBe(false);
    expect(matches('constructor', {})).toBe(false);
  });

  it('needs every requirement', () => {
    expect(matches('app=web,tier=a', { app: 'web' })).toBe(false);
    expect(matches('app=web,tier=a', { app: 'web', tier: 'a' })).toBe(true);
  });
});
