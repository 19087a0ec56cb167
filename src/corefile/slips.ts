import type { TokenStream } from './token-stream.ts';
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
  return { word: { ...word, text }, brace: { ...word, text: '{', column: word.column + [...text].length } };
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

/** Hint for a block that is open at the end of the file. */
export const unclosedHint = (brace: Token): string =>
  `the '{' at ${brace.file}:${brace.line}:${brace.column} is not closed: add '}'`;
