import type { Imports } from './imports.ts';
import { type NextBlock, nextBlockAt, skipSlashComment, splitGluedBrace, unclosedHint } from './slips.ts';
import type { TokenStream } from './token-stream.ts';
import type { Faults, Occurrence, OptionLine, Token } from './tree.ts';

/** What the parsers of one file share. */
export interface ParseState {
  readonly stream: TokenStream;
  readonly imports: Imports;
  readonly faults: Faults;
  /** A word with its environment variables replaced. */
  readonly replaced: (token: Token) => Token;
}

/** Braces may stand this deep in each other; no plugin goes beyond three. */
const MAX_DEPTH = 100;

/** Reads one directive: its line, and its block where it has one. */
export class DirectiveParser {
  readonly #state: ParseState;
  readonly #stream: TokenStream;
  readonly #faults: Faults;
  readonly #tokens: Token[] = [];
  /** Blocks that are open around the directive. */
  readonly #openBlocks: number;
  /** Where a next server block seems to begin within this directive's block. */
  nextBlock: NextBlock | null = null;

  constructor(state: ParseState, openBlocks: number) {
    this.#state = state;
    this.#stream = state.stream;
    this.#faults = state.faults;
    this.#openBlocks = openBlocks;
  }

  /** Takes the directive from the stream, which must not be at its end. A `}` may then be left on the same line. */
  read(): Occurrence {
    const first = this.#stream.take() as Token;
    this.#tokens.push(first);
    const line = this.#line(this.#state.replaced(first));
    const body = line.brace === null ? null : this.#body(line.brace, 1);
    const extra = body === null || this.#stream.isAtLineStart ? null : this.#stream.peek();
    if (extra !== null && extra.text !== '}') {
      const hint = `start a new line before '${extra.text}'`;
      const message = "Error during parsing: Wrong argument count or unexpected line ending after '}'";
      this.#faults.add(message, extra, hint);
      this.#stream.skipLine();
    }
    return { name: line.name, args: line.args, body, tokens: this.#tokens };
  }

  /** Words up to the end of the line or an opening brace, which is taken; CoreDNS's parser also takes it from the next line. */
  #line(name: Token): { name: Token; args: readonly Token[]; brace: Token | null } {
    const args: Token[] = [];
    for (let next = this.#stream.peek(); next !== null; next = this.#stream.peek()) {
      if (next.text === '{') {
        if (this.#stream.isAtLineStart)
          this.#faults.warn(`'{' should stand on the line of '${name.text}': CoreDNS does not see it there`, next);
        return { name, args, brace: this.#taken() };
      }
      if (this.#stream.isAtLineStart || next.text === '}') break;
      args.push(this.#taken());
    }
    const glued = splitGluedBrace(args.at(-1) ?? name, this.#stream, this.#openBlocks, this.#faults);
    if (glued === null) return { name, args, brace: null };
    if (args.length === 0) return { name: glued.word, args, brace: glued.brace };
    return { name, args: [...args.slice(0, -1), glued.word], brace: glued.brace };
  }

  /** Lines of a block up to its closing brace, which is taken. */
  #body(brace: Token, depth: number): OptionLine[] {
    const lines: OptionLine[] = [];
    for (;;) {
      const next = this.#stream.peek();
      if (next === null) {
        this.#unexpectedEnd(brace);
        return lines;
      }
      if (next.text === '}') {
        this.#taken();
        return lines;
      }
      this.nextBlock ??= nextBlockAt(this.#stream, lines[0]?.name, brace, this.#faults);
      if (next.text === 'import' && this.#stream.isAtLineStart) this.#state.imports.expand(this.#stream);
      else if (!skipSlashComment(this.#stream, this.#faults)) lines.push(this.#option(depth));
    }
  }

  #option(depth: number): OptionLine {
    // An environment variable that stands for a brace is a word.
    const isBlock = this.#stream.peek()?.text === '{';
    const name = this.#taken();
    if (isBlock) return { name, args: [], body: this.#nested(name, depth) };
    const args: Token[] = [];
    while (!this.#stream.isAtLineStart && this.#stream.peek()?.text !== '}') {
      const isBrace = this.#stream.peek()?.text === '{';
      const word = this.#taken();
      if (isBrace) return { name, args, body: this.#nested(word, depth) };
      args.push(word);
    }
    return { name, args, body: null };
  }

  #nested(brace: Token, depth: number): OptionLine[] {
    if (depth < MAX_DEPTH) return this.#body(brace, depth + 1);
    this.#faults.add(`Error during parsing: blocks stand more than ${MAX_DEPTH} deep in each other`, brace);
    for (let open = 1; open > 0 && this.#stream.peek() !== null; ) {
      const { text } = this.#taken();
      if (text === '{') open++;
      else if (text === '}') open--;
    }
    return [];
  }

  /** Reports the innermost block only: the same brace ends them all. */
  #unexpectedEnd(brace: Token): void {
    const message = 'Error during parsing: Unexpected EOF';
    const last = this.#stream.previous;
    if (this.#faults.list.at(-1)?.message !== message) this.#faults.add(message, last, unclosedHint(brace, last));
  }

  /** The next word, taken from the stream and kept among the directive's tokens. */
  #taken(): Token {
    const token = this.#state.replaced(this.#stream.take() as Token);
    this.#tokens.push(token);
    return token;
  }
}
