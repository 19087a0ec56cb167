import { describe, expect, it } from 'vitest';
import { parseLabelSelector } from './label-selector.ts';

const fault = (text: string): string => {
  try {
    parseLabelSelector(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no fault';
};

describe('parseLabelSelector', () => {
  it('gives the canonical text: labels in order, values sorted', () => {
    expect(parseLabelSelector('environment in (production, staging, qa),application=nginx').text).toBe(
      'application=nginx,environment in (production,qa,staging)',
    );
    expect(parseLabelSelector(' !canary , a == b,x notin (2,1), k8s.io/name').text).toBe(
      'a=b,!canary,k8s.io/name,x notin (1,2)',
    );
    expect(parseLabelSelector('').text).toBe('');
  });

  it.each([
    ['a=b', { a: 'b' }, true],
    ['a=b', { a: 'c' }, false],
    ['a=b', {}, false],
    ['a', { a: '' }, true],
    ['!a', { a: '' }, false],
    ['!a', {}, true],
    ['a in (b,c)', { a: 'c' }, true],
    ['a in (b,c)', {}, false],
    ['a notin (b,c)', {}, true],
    ['a notin (b,c)', { a: 'b' }, false],
    ['a=b,c', { a: 'b', c: 'x' }, true],
    ['a=b,c', { a: 'b' }, false],
    ['constructor', {}, false],
  ])('%s matches %o: %s', (text, labels, matches) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(matches);
  });

  it.each([
    [
      'a in (b',
      `couldn't parse the selector string "a in (b": unable to parse requirement: found '', expected: ',' or ')'`,
    ],
    ['a=b c', `couldn't parse the selector string "a=b c": found 'c', expected: ',' or 'end of string'`],
    ['a=b=c', `couldn't parse the selector string "a=b=c": found '=', expected: ',' or 'end of string'`],
    [',', `couldn't parse the selector string ",": found ',', expected: !, identifier, or 'end of string'`],
    ['a in b', `couldn't parse the selector string "a in b": unable to parse requirement: found 'b' expected: '('`],
    [
      'a in (b c)',
      `couldn't parse the selector string "a in (b c)": unable to parse requirement: found 'c', expected: ',' or ')'`,
    ],
    ['!', `couldn't parse the selector string "!": unable to parse requirement: found '', expected: identifier`],
    ['a!=b', '"!=" is not a valid label selector operator'],
    ['a>1', `"gt" isn't supported in label selectors`],
  ])('refuses %s as Kubernetes does', (text, message) => {
    expect(fault(text)).toBe(message);
  });

  it('refuses labels and values that no object can have', () => {
    expect(fault('-a')).toContain('Invalid value: "-a": name part must consist of');
    expect(fault('a=-b')).toContain('Invalid value: "-b": a valid label must be an empty string or consist of');
    expect(fault('A_b/c')).toContain('Invalid value: "A_b/c"');
    expect(fault(`a=${'x'.repeat(64)}`)).toContain('Invalid value');
  });
});
