import type { Token } from './tree.ts';

/** Words yet to be read, into which an import puts the words it stands for. */
export class TokenStream {
  /** In reverse, so that taking and splicing happen at the end. */
  #rest: Token[];
  #previous: Token | null = null;
  /** Closing braces less opening ones among the words yet to be read. */
  surplusClosers = 0;

  constructor(tokens: readonly Token[]) {
    this.#rest = [...tokens].reverse();
    for (const token of tokens) this.#count(token, 1);
  }

  /** The next word, or null at the end. */
  peek(): Token | null {
    return this.#rest.at(-1) ?? null;
  }

  /** Takes the next word. */
  take(): Token | null {
    const token = this.#rest.pop() ?? null;
    if (token === null) return null;
    this.#count(token, -1);
    this.#previous = token;
    return token;
  }

  /** The word taken last. */
  get previous(): Token | null {
    return this.#previous;
  }

  /** True where the next word is the first of its line (or there is none). */
  get isAtLineStart(): boolean {
    const next = this.peek();
    return next === null || this.#previous === null || !isSameLine(this.#previous, next);
  }

  /** Drops words up to the end of the line. */
  skipLine(): void {
    while (this.peek() !== null && !this.isAtLineStart) this.take();
  }

  /** Puts words in front of those yet to be read; they follow on `previous`, the word before the import. */
  splice(tokens: readonly Token[], previous: Token | null): void {
    for (let i = tokens.length - 1; i >= 0; i--) {
      const token = tokens[i] as Token;
      this.#rest.push(token);
      this.#count(token, 1);
    }
    this.#previous = previous;
  }

  /** A place to come back to. */
  mark(): { readonly rest: readonly Token[]; readonly previous: Token | null } {
    return { rest: [...this.#rest], previous: this.#previous };
  }

  /** Goes back to a place. */
  reset(mark: { readonly rest: readonly Token[]; readonly previous: Token | null }): void {
    this.#rest = [...mark.rest];
    this.#previous = mark.previous;
    this.surplusClosers = 0;
    for (const token of this.#rest) this.#count(token, 1);
  }

  #count(token: Token, step: 1 | -1): void {
    if (token.text === '}') this.surplusClosers += step;
    else if (token.text === '{') this.surplusClosers -= step;
  }
}

/** True where `next` goes on the line that `previous` ends on. Words from two imports never share a line. */
const isSameLine = (previous: Token, next: Token): boolean =>
  previous.file === next.file && previous.via === next.via && previous.line + lineBreaks(previous.text) >= next.line;

const lineBreaks = (text: string): number => {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
};
