import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

describe('LineSplitter', () => {
  it('gives whole lines, wherever the text is cut', () => {
    const text = Buffer.from('{"a":"é"}\n\n{"b":2}\nrest');
    for (let at = 0; at <= text.length; at++) {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line));
      splitter.push(text.subarray(0, at));
      splitter.push(text.subarray(at));
      expect(lines).toEqual(['{"a":"é"}', '{"b":2}']);
    }
  });

  it('refuses a line that no object could need', () => {
    const splitter = new LineSplitter(() => undefined);
    const megabytes = Buffer.alloc(1024 * 1024, 0x61);
    expect(() => {
      for (let i = 0; i < 65; i++) splitter.push(megabytes);
    }).toThrow(RangeError);
  });
});
