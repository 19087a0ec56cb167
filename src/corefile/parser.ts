import { DirectiveParser, type ParseState } from './directive-parser.ts';
import { type Environment, replaceVariables, systemEnvironment } from './environment.ts';
import { Imports } from './imports.ts';
import { tokenize } from './lexer.ts';
import { type NextBlock, nextBlockAt, skipSlashComment, splitGluedBrace, unclosedHint } from './slips.ts';
import { TokenStream } from './token-stream.ts';
import { type Block, type Corefile, type Directive, Faults, type Occurrence, type Token } from './tree.ts';

export interface ParseResult {
  readonly corefile: Corefile;
  readonly faults: Faults;
  /** Text of every file read, by the name that tokens carry; for printing the line of a fault. */
  readonly sources: ReadonlyMap<string, string>;
}

/**
 * Reads a Corefile with all its imports. Never throws: what is wrong goes to `faults`, all of it, and the tree holds what could
 * be read. Accepts what CoreDNS accepts (caddyfile/parse.go); a directive need not be known.
 */
export const parseCorefile = (
  source: { readonly file: string; readonly text: string },
  environment: Partial<Environment> = {},
): ParseResult => {
  const faults = new Faults();
  const sources = new Map([[source.file, source.text]]);
  const whole: Environment = { ...systemEnvironment(), ...environment };
  const replaced = (token: Token): Token => {
    const text = replaceVariables(token.text, whole.env);
    return text === token.text ? token : { ...token, text };
  };
  const imports = new Imports(source.file, sources, whole, faults);
  const stream = new TokenStream(tokenize(source.file, source.text));
  const blocks = new Parser({ stream, imports, faults, replaced }).blocks();
  return { corefile: { file: source.file, blocks }, faults, sources };
};

/** Blocks that are begun again where a closing brace seems to be missing; a bound, because each reads up to the end. */
const MAX_RESTARTS = 20;

const UNEXPECTED_EOF = 'Error during parsing: Unexpected EOF';

/** A next block with the number of directives that are whole before it. */
interface RestartPoint {
  readonly at: NextBlock;
  readonly complete: number;
}

const restartPoint = (at: NextBlock | null, complete: number): RestartPoint | null =>
  at === null ? null : { at, complete };

class Parser {
  readonly #state: ParseState;
  readonly #stream: TokenStream;
  readonly #faults: Faults;
  #restarts = 0;

  constructor(state: ParseState) {
    this.#state = state;
    this.#stream = state.stream;
    this.#faults = state.faults;
  }

  blocks(): Block[] {
    const blocks: Block[] = [];
    while (this.#stream.peek() !== null) {
      if (skipSlashComment(this.#stream, this.#faults)) continue;
      const block = this.#block();
      if (block !== null && block.keys.length > 0) blocks.push(block);
    }
    return blocks;
  }

  #block(): Block | null {
    const keys = this.#keys();
    const next = this.#stream.peek();
    if (next === null) return { keys, directives: [] };
    const last = keys.at(-1);
    const glued = last === undefined ? null : splitGluedBrace(last, this.#stream, 0, this.#faults);
    if (glued !== null) keys.splice(-1, 1, glued.word);
    const brace = glued?.brace ?? (next.text === '{' ? this.#stream.take() : null);
    const only = keys.length === 1 ? keys[0] : undefined;
    if (only !== undefined && /^\(.*\)$/s.test(only.text)) {
      this.#snippet(only, brace);
      return null;
    }
    if (keys.length === 0 && brace !== null) this.#faults.warn('a server block without a zone is ignored', brace);
    return this.#contents(keys, brace);
  }

  /** Keys of a server block, up to its brace or the end of the line; after a comma they go on. */
  #keys(): Token[] {
    const keys: Token[] = [];
    let isExpectingAnother = false;
    for (let isFirst = true; ; isFirst = false) {
      while (this.#stream.peek()?.text === 'import' && this.#stream.isAtLineStart && (isFirst || isExpectingAnother)) {
        this.#state.imports.expand(this.#stream);
        isFirst = true;
      }
      const next = this.#stream.peek();
      if (next === null) {
        if (isExpectingAnother) this.#fault('Unexpected EOF', this.#stream.previous, 'a zone must follow the comma');
        return keys;
      }
      if (!isFirst && !isExpectingAnother && this.#stream.isAtLineStart) return keys;
      const key = this.#state.replaced(next);
      if (key.text === '{') {
        const hint = "remove the comma before '{'";
        if (isExpectingAnother) this.#fault("Expected another address but had '{' - check for extra comma", next, hint);
        return keys;
      }
      this.#stream.take();
      if (key.text === '}') this.#faults.warn("'}' closes nothing and is taken for the name of a zone", next);
      if (key.text === '') continue;
      isExpectingAnother = key.text.endsWith(',');
      keys.push(isExpectingAnother ? { ...key, text: key.text.slice(0, -1) } : key);
    }
  }

  #snippet(name: Token, brace: Token | null): void {
    if (brace === null) {
      const found = this.#stream.peek();
      this.#faults.add(`Syntax error: Unexpected token '${found?.text}', expecting '{'`, found);
      while (!this.#stream.isAtLineStart) this.#stream.take();
      return;
    }
    const tokens: Token[] = [];
    for (let depth = 1; ; ) {
      const token = this.#stream.take();
      if (token === null) {
        this.#unclosed(brace);
        return;
      }
      if (token.text === '{') depth++;
      if (token.text === '}' && --depth === 0) {
        this.#state.imports.declare(name.text.slice(1, -1), name, tokens, token);
        return;
      }
      tokens.push(token);
    }
  }

  /** Directives of a block up to its end. */
  #contents(keys: readonly Token[], brace: Token | null): Block {
    const occurrences: Occurrence[] = [];
    const openBlocks = brace === null ? 0 : 1;
    let nextBlock: RestartPoint | null = null;
    let nextWithin: RestartPoint | null = null;
    let strayBraces = 0;
    for (let next = this.#stream.peek(); next !== null; next = this.#stream.peek()) {
      if (next.text === '}') {
        this.#stream.take();
        if (strayBraces-- > 0) continue;
        if (brace === null) this.#faults.warn("'}' closes a server block that no '{' opened", next);
        return blockOf(keys, occurrences);
      }
      if (next.text === '{') {
        this.#fault("Unknown directive '{'", next, "'{' must follow the name of a directive on its line");
        this.#stream.take();
        strayBraces++;
      } else if (next.text === 'import') this.#state.imports.expand(this.#stream);
      else if (!skipSlashComment(this.#stream, this.#faults)) {
        const complete = occurrences.length;
        nextBlock ??= restartPoint(nextBlockAt(this.#stream, occurrences[0]?.name, brace, this.#faults), complete);
        const parser = new DirectiveParser(this.#state, openBlocks + strayBraces);
        occurrences.push(parser.read());
        nextWithin ??= restartPoint(parser.nextBlock, complete);
        if (this.#closesOnLine(openBlocks)) return blockOf(keys, occurrences);
      }
    }
    if (brace === null) return blockOf(keys, occurrences);
    const isOpenWithin = this.#faults.list.at(-1)?.message === UNEXPECTED_EOF;
    const isTaken = this.#stream.previous?.text === '}' && !isOpenWithin;
    const restart = isTaken ? nextBlock : (nextWithin ?? nextBlock);
    if (restart !== null && this.#restarts++ < MAX_RESTARTS) {
      this.#restartAt(restart.at);
      return blockOf(keys, occurrences.slice(0, restart.complete));
    }
    // CoreDNS looks only at the last word of the file, whatever it closes (caddyfile/parse.go).
    if (isTaken) this.#faults.warn(`${unclosedHint(brace)}; CoreDNS takes the last '}' of the file for its end`, brace);
    else if (!isOpenWithin) this.#unclosed(brace);
    return blockOf(keys, occurrences);
  }

  /** Refuses a `}` within a directive's line. True where the block would lack its end without it, so that it is taken for that. */
  #closesOnLine(openBlocks: number): boolean {
    if (this.#stream.isAtLineStart || this.#stream.peek()?.text !== '}') return false;
    const closer = this.#stream.take();
    this.#fault("Unexpected '}' because no matching opening brace", closer, "put '}' on a line of its own");
    const isEnd = this.#stream.surplusClosers < openBlocks && this.#stream.peek()?.text !== '}';
    if (!isEnd) while (!this.#stream.isAtLineStart) this.#stream.take();
    return isEnd;
  }

  /**
   * The file has ended within a block. Reading goes on where the next one seems to begin, as if the brace were in place, so that the
   * faults of what follows are seen and none that come from the missing brace.
   */
  #restartAt({ token, brace, mark, faults, warnings }: NextBlock): void {
    this.#faults.list.length = faults;
    this.#faults.warnings.length = warnings;
    this.#faults.add(`Syntax error: Unexpected token '${token.text}', expecting '}'`, token, unclosedHint(brace));
    this.#stream.reset(mark);
  }

  /** A block is open at the end of the file. CoreDNS names the last word it has seen. */
  #unclosed(brace: Token): void {
    const last = this.#stream.previous;
    this.#faults.add(`Syntax error: Unexpected token '${last?.text}', expecting '}'`, last, unclosedHint(brace, last));
  }

  #fault(message: string, token: Token | null, hint?: string): void {
    this.#faults.add(`Error during parsing: ${message}`, token, hint);
  }
}

const blockOf = (keys: readonly Token[], occurrences: readonly Occurrence[]): Block => {
  const directives = new Map<string, Occurrence[]>();
  for (const occurrence of occurrences) {
    const list = directives.get(occurrence.name.text);
    if (list === undefined) directives.set(occurrence.name.text, [occurrence]);
    else list.push(occurrence);
  }
  return { keys, directives: Array.from(directives, ([name, list]): Directive => ({ name, occurrences: list })) };
};
