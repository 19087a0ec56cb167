import type { Token } from './tree.ts';

interface Link {
  readonly token: Token;
  readonly next: Link | null;
}

/** A place in a stream to come back to. */
export interface Mark {
  readonly rest: Link | null;
  readonly previous: Token | null;
  readonly surplusClosers: number;
}

/** Words yet to be read, into which an import puts the words it stands for. */
export class TokenStream {
  /** A list, so that an import is put in front of it and a mark costs nothing. */
  #rest: Link | null = null;
  #previous: Token | null = null;
  #surplusClosers = 0;

  constructor(tokens: readonly Token[]) {
    this.splice(tokens, null);
  }

  /** Closing braces less opening ones among the words yet to be read. */
  get surplusClosers(): number {
    return this.#surplusClosers;
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

  /** The next word, or null at the end. */
  peek(): Token | null {
    return this.#rest?.token ?? null;
  }

  /** Takes the next word. */
  take(): Token | null {
    const link = this.#rest;
    if (link === null) return null;
    this.#rest = link.next;
    this.#surplusClosers -= closers(link.token);
    this.#previous = link.token;
    return link.token;
  }

  /** Drops words up to the end of the line, or up to a closing brace on it. */
  skipLine(): void {
    while (!this.isAtLineStart && this.peek()?.text !== '}') this.take();
  }

  /** Puts words in front of those yet to be read; they follow on `previous`, the word before the import. */
  splice(tokens: readonly Token[], previous: Token | null): void {
    for (let i = tokens.length - 1; i >= 0; i--) {
      const token = tokens[i] as Token;
      this.#rest = { token, next: this.#rest };
      this.#surplusClosers += closers(token);
    }
    this.#previous = previous;
  }

  mark(): Mark {
    return { rest: this.#rest, previous: this.#previous, surplusClosers: this.#surplusClosers };
  }

  reset(mark: Mark): void {
    this.#rest = mark.rest;
    this.#previous = mark.previous;
    this.#surplusClosers = mark.surplusClosers;
  }
}

const closers = ({ text }: Token): number => (text === '}' ? 1 : text === '{' ? -1 : 0);

/** True where `next` goes on the line that `previous` ends on. Words from two imports never share a line. */
const isSameLine = (previous: Token, next: Token): boolean =>
  previous.file === next.file && previous.via === next.via && previous.line + lineBreaks(previous.text) >= next.line;

const lineBreaks = (text: string): number => {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
};
