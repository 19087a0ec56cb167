import { describe, expect, it } from 'vitest';
import { tokenize } from './lexer.ts';

const words = (text: string): string[] => tokenize('Corefile', text).map((token) => token.text);
const places = (text: string): string[] =>
  tokenize('Corefile', text).map(({ text: word, line, column }) => `${word}@${line}:${column}`);

describe('words of a Corefile', () => {
  it('are separated by Unicode white space, NBSP and vertical tab included', () => {
    expect(words('a\tb\vc\u00a0d\u3000e')).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('lose a leading byte order mark and carriage returns', () => {
    expect(words('\ufeffa\r\nb\rc')).toEqual(['a', 'bc']);
  });

  it('end at the closing quote, and a quote within a word is a character', () => {
    expect(words('"a"b c"d')).toEqual(['a', 'b', 'c"d']);
  });

  it('keep a backslash in quotes unless a quote follows', () => {
    expect(words(String.raw`"a\"b" "c\d" "e\\"`)).toEqual(['a"b', String.raw`c\d`, String.raw`e\\`]);
  });

  it('may be empty in quotes, and span lines there', () => {
    expect(places('"" "x\ny" z')).toEqual(['@1:1', 'x\ny@1:4', 'z@2:4']);
  });

  it('take the rest of the file for an unterminated quote, and nothing for one at the very end', () => {
    expect(words('a "b\nc')).toEqual(['a', 'b\nc']);
    expect(words('a "')).toEqual(['a']);
  });

  it('end a comment at the next space where it began within a word, else at the end of the line', () => {
    expect(words('a#b c\nd #e f\ng')).toEqual(['a', 'c', 'd', 'g']);
    expect(words('"#a"')).toEqual(['#a']);
  });

  it('count columns in characters, not in UTF-16 units', () => {
    expect(places('😀 b')).toEqual(['😀@1:1', 'b@1:3']);
  });

  it('know whether they were quoted', () => {
    expect(tokenize('f', '"a" b').map(({ isQuoted }) => isQuoted)).toEqual([true, false]);
  });
});
