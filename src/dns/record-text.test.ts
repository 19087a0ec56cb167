import { describe, expect, it } from 'vitest';
import { wireNameFromText } from './name.ts';
import { recordFromText, recordsFromText, recordToText } from './record-text.ts';
import { RecordTextError, splitFields } from './text-fields.ts';

describe('a record in text', () => {
  it.each([
    ['a. 5 IN A 192.0.2.1', 'a. 5 IN A 192.0.2.1'],
    ['a\t5\tin\ta\t192.0.2.1', 'a. 5 IN A 192.0.2.1'],
    ['a. IN 5 A 192.0.2.1', 'a. 5 IN A 192.0.2.1'],
    ['a. 5 A 192.0.2.1 ; a comment', 'a. 5 IN A 192.0.2.1'],
    ['a. 5 CH TXT v', 'a. 5 CH TXT "v"'],
    ['a. 5 CLASS77 TYPE999 \\# 1 ff', 'a. 5 CLASS77 TYPE999 \\# 1 ff'],
    ['a. 5 IN TYPE1 \\# 4 c0000201', 'a. 5 IN A 192.0.2.1'],
    ['a. 5 IN SOA ns. h. ( 1 ; serial\n 2 3\n 4 5 )', 'a. 5 IN SOA ns. h. 1 2 3 4 5'],
    ['in. 5 IN NS a.', 'in. 5 IN NS a.'],
    ['a. 5 IN TXT "in; quotes (stay)" esc\\"aped', 'a. 5 IN TXT "in; quotes (stay)" "esc\\"aped"'],
  ])('reads %j', (text, canonical) => {
    expect(recordToText(recordFromText(text))).toBe(canonical);
  });

  it.each([
    ['', 'the record is empty'],
    ['a.', 'has no type'],
    ['a. 5 IN', 'has no type'],
    ['a. IN A 192.0.2.1', 'has no TTL'],
    ['a. 5 IN FOO x', '"FOO" is not a record type'],
    ['a. 4294967296 IN A 192.0.2.1', 'is not a number from 0 to 4294967295'],
    ['a. 5 5 A 192.0.2.1', '"5" is not a record type'],
    ['a..b. 5 IN A 192.0.2.1', 'empty label'],
    ['a. 5 IN TXT x\\', 'lone backslash'],
  ])('is not %j', (text, message) => {
    expect(() => recordFromText(text)).toThrow(RecordTextError);
    expect(() => recordFromText(text)).toThrow(message);
  });

  it('takes owner and TTL from the defaults where it leaves them out', () => {
    const defaults = { ttl: 60, owner: wireNameFromText('x.example.') };
    expect(recordToText(recordFromText('  A 192.0.2.1', defaults))).toBe('x.example. 60 IN A 192.0.2.1');
    expect(recordToText(recordFromText('y. 7 A 192.0.2.1', defaults))).toBe('y. 7 IN A 192.0.2.1');
  });

  it('is read line by line', () => {
    const records = recordsFromText('\n a. 5 IN A 192.0.2.1\n; none\n\n b. 5 IN A 192.0.2.2\n');
    expect(records.map(recordToText)).toEqual(['a. 5 IN A 192.0.2.1', 'b. 5 IN A 192.0.2.2']);
  });

  it('has words, bare or quoted', () => {
    expect(splitFields('a "b c"d\\ e ""')).toEqual([
      { raw: 'a', isQuoted: false },
      { raw: 'b c', isQuoted: true },
      { raw: 'd\\ e', isQuoted: false },
      { raw: '', isQuoted: true },
    ]);
  });
});
