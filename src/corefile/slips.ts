import type { Mark, TokenStream } from './token-stream.ts';
import type { Faults, Token } from './tree.ts';

/** A word and the brace that was written onto it. */
export interface GluedBrace {
  readonly word: Token;
  readonly brace: Token;
}

/**
 * Splits a word such as `cluster.local{` that ends its line, where the rest of the file has a closing brace too many for it not to be
 * an opening one: CoreDNS takes the brace for a part of the word and goes astray from there. `expectedClosers`: how many
 * blocks are open. Null where the word is none such.
 */
export const splitGluedBrace = (
  word: Token,
  stream: TokenStream,
  expectedClosers: number,
  faults: Faults,
): GluedBrace | null => {
  if (word.isQuoted || !/^[^{]+\{$/.test(word.text)) return null;
  if (!stream.isAtLineStart || stream.surplusClosers <= expectedClosers) return null;
  const text = word.text.slice(0, -1);
  const message = `Error during parsing: Unexpected '{' at the end of '${word.text}'`;
  faults.add(message, word, `write a space before the brace: ${text} {`);
  // The brace has the place of its word: in a variable's value there are no columns to count.
  return { word: { ...word, text }, brace: { ...word, text: '{' } };
};

/** Refuses a line that starts with `//`, as tutorials have it, and leaves it out. False where the next line is none such. */
export const skipSlashComment = (stream: TokenStream, faults: Faults): boolean => {
  const next = stream.peek();
  if (next === null || next.isQuoted || !next.text.startsWith('//')) return false;
  faults.add(`Error during parsing: Unexpected '${next.text}'`, next, "a comment starts with '#', not with '//'");
  stream.take();
  while (!stream.isAtLineStart) stream.take();
  return true;
};

/** Hint for a file that ends within a block; `last` is its last word. */
export const unclosedHint = (brace: Token, last: Token | null = null): string =>
  last?.isQuoted && last.text.includes('\n')
    ? `the '"' at ${placeOf(last)} is not closed`
    : `the '{' at ${placeOf(brace)} is not closed: add '}'`;

const placeOf = ({ file, line, column }: Token): string => `${file}:${line}:${column}`;

/** Where the next server block seems to begin though the one being read is not closed. */
export interface NextBlock {
  /** First word of the line. */
  readonly token: Token;
  /** The brace that seems to lack its closing one. */
  readonly brace: Token;
  readonly mark: Mark;
  readonly faults: number;
  readonly warnings: number;
}

/**
 * Notes the next line where it begins in the first column below indented ones and looks like a zone or a snippet, which no directive
 * does: keys of a next block, as people lay them out.
 */
export const nextBlockAt = (
  stream: TokenStream,
  first: Token | undefined,
  brace: Token | null,
  faults: Faults,
): NextBlock | null => {
  const token = stream.peek();
  if (token === null || brace === null || first === undefined) return null;
  if (token.column > 1 || token.via !== null || first.column === 1 || !stream.isAtLineStart) return null;
  if (!/[.:/]|^\(/.test(token.text)) return null;
  return { token, brace, mark: stream.mark(), faults: faults.list.length, warnings: faults.warnings.length };
};
