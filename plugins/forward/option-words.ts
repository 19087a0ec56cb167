import type { OptionLine, Token } from '#corefile/tree.ts';

/**
 * The words of a directive's block one after the other. Like CoreDNS's, options need no line of their own: what is left on a line
 * after an option's arguments is the next option.
 */
export class OptionWords {
  readonly #tokens: readonly Token[];
  #at = -1;

  constructor(body: readonly OptionLine[]) {
    this.#tokens = body.flatMap(wordsOf);
  }

  /** The word last read. */
  get current(): Token {
    return this.#tokens[this.#at] as Token;
  }

  /** Next word on whatever line, or null. */
  next(): Token | null {
    return this.#tokens[++this.#at] ?? null;
  }

  /** Next word on the same line, or null. */
  argument(): Token | null {
    const next = this.#tokens[this.#at + 1];
    if (next === undefined || next.line !== this.#endLine() || next.file !== this.current.file) return null;
    this.#at++;
    return next;
  }

  /** All words that are left on the line. */
  rest(): Token[] {
    const rest: Token[] = [];
    for (let word = this.argument(); word !== null; word = this.argument()) rest.push(word);
    return rest;
  }

  /** A quoted word may hold line breaks. */
  #endLine(): number {
    return this.current.line + (this.current.text.match(/\n/g)?.length ?? 0);
  }
}

/** A block inside the block is no option of anyone's: its brace is read as a word, which is then refused. */
const wordsOf = ({ name, args, body }: OptionLine): Token[] => {
  const words = [name, ...args];
  return body === null ? words : [...words, { ...name, text: '{' }, ...body.flatMap(wordsOf)];
};
