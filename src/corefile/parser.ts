import { type Environment, replaceVariables, systemEnvironment } from './environment.ts';
import { Imports } from './imports.ts';
import { tokenize } from './lexer.ts';
import { TokenStream } from './token-stream.ts';
import {
  type Block,
  type Corefile,
  type Directive,
  Faults,
  type Occurrence,
  type OptionLine,
  type Token,
} from './tree.ts';

export interface ParseResult {
  readonly corefile: Corefile;
  readonly faults: Faults;
  /** Text of every file read, by the name that tokens carry; for printing the line of a fault. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Braces may stand this deep in each other; no plugin goes beyond three. */
const MAX_DEPTH = 100;

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
  const imports = new Imports(source.file, sources, whole, faults);
  const stream = new TokenStream(tokenize(source.file, source.text));
  const blocks = new Parser(stream, imports, whole, faults).blocks();
  return { corefile: { file: source.file, blocks }, faults, sources };
};

/** A server block being read. */
interface OpenBlock {
  readonly keys: readonly Token[];
  /** null for a block without braces. */
  readonly brace: Token | null;
  readonly occurrences: Occurrence[];
}

class Parser {
  readonly #stream: TokenStream;
  readonly #imports: Imports;
  readonly #environment: Environment;
  readonly #faults: Faults;

  constructor(stream: TokenStream, imports: Imports, environment: Environment, faults: Faults) {
    this.#stream = stream;
    this.#imports = imports;
    this.#environment = environment;
    this.#faults = faults;
  }

  blocks(): Block[] {
    const blocks: Block[] = [];
    while (this.#stream.peek() !== null) {
      const block = this.#block();
      if (block !== null && block.keys.length > 0) blocks.push(block);
    }
    return blocks;
  }

  #block(): Block | null {
    if (this.#skipSlashComment()) return null;
    const keys = this.#keys();
    const next = this.#stream.peek();
    const glued = next === null ? null : this.#gluedBrace(keys.at(-1), 0);
    if (glued !== null) return this.#contents([...keys.slice(0, -1), ...glued.words], glued.brace);
    if (next === null) return { keys, directives: [] };
    const brace = next.text === '{' ? this.#stream.take() : null;
    const only = keys.length === 1 ? (keys[0] as Token) : null;
    if (only !== null && /^\(.*\)$/s.test(only.text)) {
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
      const next = this.#stream.peek();
      if (next === null) {
        if (isExpectingAnother) this.#fault('Unexpected EOF', this.#stream.previous, 'a zone must follow the comma');
        return keys;
      }
      if (!isFirst && !isExpectingAnother && this.#stream.isAtLineStart) return keys;
      if (next.text === 'import' && this.#stream.isAtLineStart) {
        this.#imports.expand(this.#stream);
        isFirst = true;
        if (this.#stream.peek() === null) return keys;
        continue;
      }
      const text = replaceVariables(next.text, this.#environment.env);
      if (text === '{') {
        if (isExpectingAnother)
          this.#fault(
            "Expected another address but had '{' - check for extra comma",
            next,
            "remove the comma before '{'",
          );
        return keys;
      }
      this.#stream.take();
      if (text === '') continue;
      isExpectingAnother = text.endsWith(',');
      keys.push({ ...next, text: isExpectingAnother ? text.slice(0, -1) : text });
    }
  }

  #snippet(name: Token, brace: Token | null): void {
    if (brace === null) {
      const found = this.#stream.peek();
      this.#faults.add(`Syntax error: Unexpected token '${found?.text}', expecting '{'`, found);
      this.#stream.skipLine();
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
        this.#imports.declare(name.text.slice(1, -1), name, tokens, token);
        return;
      }
      tokens.push(token);
    }
  }

  #contents(keys: readonly Token[], brace: Token | null): Block {
    const block: OpenBlock = { keys, brace, occurrences: [] };
    let nextBlock: { count: number; mark: ReturnType<TokenStream['mark']> } | null = null;
    for (let next = this.#stream.peek(); next !== null; next = this.#stream.peek()) {
      if (next.text === '}') {
        this.#stream.take();
        if (brace === null) this.#faults.warn("'}' closes a server block that no '{' opened", next);
        return this.#finish(block);
      }
      if (next.text === 'import') {
        this.#imports.expand(this.#stream);
        continue;
      }
      if (brace !== null && nextBlock === null && looksLikeNextBlock(next, block))
        nextBlock = { count: block.occurrences.length, mark: this.#stream.mark() };
      if (this.#skipSlashComment()) continue;
      if (this.#directive(block) === 'closed') return this.#finish(block);
    }
    if (brace !== null) this.#unclosed(brace);
    if (brace !== null && nextBlock !== null) {
      // Most likely the brace before the next block's keys is missing: read on from there, so that its faults are seen, too.
      block.occurrences.length = nextBlock.count;
      this.#stream.reset(nextBlock.mark);
    }
    return this.#finish(block);
  }

  #finish(block: OpenBlock): Block {
    const directives = new Map<string, Occurrence[]>();
    for (const occurrence of block.occurrences) {
      const list = directives.get(occurrence.name.text);
      if (list === undefined) directives.set(occurrence.name.text, [occurrence]);
      else list.push(occurrence);
    }
    return {
      keys: block.keys,
      directives: Array.from(directives, ([name, occurrences]): Directive => ({ name, occurrences })),
    };
  }

  /** Reads one directive; says 'closed' where a misplaced brace within it has closed the server block. */
  #directive(block: OpenBlock): 'closed' | 'open' {
    const first = this.#stream.take() as Token;
    const tokens: Token[] = [first];
    const { args, brace } = this.#words(tokens, block.brace === null ? 0 : 1);
    let body: OptionLine[] | null = null;
    if (brace !== null) {
      body = this.#body(tokens, brace, 1);
      const extra = this.#stream.isAtLineStart ? null : this.#stream.peek();
      if (extra !== null && extra.text !== '}') {
        this.#faults.argument(this.#stream.previous as Token);
        this.#stream.skipLine();
      }
    }
    const name = this.#replaced(first);
    block.occurrences.push({ name, args, body, tokens });
    const stray = this.#stream.isAtLineStart ? null : this.#stream.peek();
    if (stray?.text !== '}') return 'open';
    return this.#strayCloser(block);
  }

  /** A `}` within a directive's line: CoreDNS refuses it. Where the block would lack its end without it, it is taken for that. */
  #strayCloser(block: OpenBlock): 'closed' | 'open' {
    const closer = this.#stream.take() as Token;
    this.#fault("Unexpected '}' because no matching opening brace", closer, "put '}' on a line of its own");
    return block.brace !== null && this.#stream.surplusClosers < 1 ? 'closed' : 'open';
  }

  /** Words up to the end of the line or an opening brace, which is taken; the brace may stand on the next line. */
  #words(tokens: Token[], expectedClosers: number): { args: Token[]; brace: Token | null } {
    const args: Token[] = [];
    for (let next = this.#stream.peek(); next !== null; next = this.#stream.peek()) {
      if (next.text === '{') {
        if (this.#stream.isAtLineStart)
          this.#faults.warn(
            `'{' should stand on the line of '${tokens[0]?.text}', CoreDNS does not see it there`,
            next,
          );
        this.#stream.take();
        tokens.push(next);
        return { args, brace: next };
      }
      if (this.#stream.isAtLineStart || next.text === '}') break;
      this.#stream.take();
      const word = this.#replaced(next);
      tokens.push(word);
      args.push(word);
    }
    const glued = this.#gluedBrace(args.at(-1) ?? tokens.at(-1), expectedClosers);
    if (glued === null) return { args, brace: null };
    args.pop();
    if (glued.words.length > 0 && args.length + 1 < tokens.length) args.push(...glued.words);
    return { args, brace: glued.brace };
  }

  /** Lines of a block up to its closing brace, which is taken. */
  #body(tokens: Token[], brace: Token, depth: number): OptionLine[] {
    const lines: OptionLine[] = [];
    for (let next = this.#stream.peek(); ; next = this.#stream.peek()) {
      if (next === null) {
        this.#fault('Unexpected EOF', this.#stream.previous, unclosedHint(brace));
        return lines;
      }
      if (next.text === 'import' && this.#stream.isAtLineStart) {
        this.#imports.expand(this.#stream);
        continue;
      }
      if (next.text !== '}' && this.#skipSlashComment()) continue;
      this.#stream.take();
      if (next.text === '}') {
        tokens.push(next);
        return lines;
      }
      lines.push(this.#option(next, tokens, depth));
    }
  }

  #option(first: Token, tokens: Token[], depth: number): OptionLine {
    const name = this.#replaced(first);
    tokens.push(name);
    if (first.text === '{') return { name, args: [], body: this.#nested(tokens, first, depth) };
    const args: Token[] = [];
    for (let next = this.#stream.peek(); next !== null && !this.#stream.isAtLineStart; next = this.#stream.peek()) {
      if (next.text === '}') break;
      this.#stream.take();
      const word = this.#replaced(next);
      tokens.push(word);
      if (next.text === '{') return { name, args, body: this.#nested(tokens, next, depth) };
      args.push(word);
    }
    return { name, args, body: null };
  }

  #nested(tokens: Token[], brace: Token, depth: number): OptionLine[] {
    if (depth < MAX_DEPTH) return this.#body(tokens, brace, depth + 1);
    this.#fault(`blocks stand more than ${MAX_DEPTH} deep in each other`, brace);
    for (let open = 1; open > 0; ) {
      const token = this.#stream.take();
      if (token === null) break;
      if (token.text === '{') open++;
      else if (token.text === '}') open--;
    }
    return [];
  }

  /**
   * A word such as `cluster.local{` at the end of a line, where the file has a closing brace too many without it: CoreDNS takes
   * the brace for a part of the word and goes astray from there.
   */
  #gluedBrace(word: Token | undefined, expectedClosers: number): { words: Token[]; brace: Token } | null {
    if (word === undefined || word.isQuoted || !/^[^{]+\{$/.test(word.text)) return null;
    if (!this.#stream.isAtLineStart || this.#stream.surplusClosers <= expectedClosers) return null;
    const text = word.text.slice(0, -1);
    this.#fault(`Unexpected '{' at the end of '${word.text}'`, word, `write a space before the brace: ${text} {`);
    return { words: [{ ...word, text }], brace: { ...word, text: '{', column: word.column + [...text].length } };
  }

  /** A line that starts with `//`, as tutorials have it: refused with the mend, and the rest of the line is left out. */
  #skipSlashComment(): boolean {
    const next = this.#stream.peek();
    if (next === null || next.isQuoted || !next.text.startsWith('//')) return false;
    this.#fault(`Unexpected '${next.text}'`, next, "a comment starts with '#', not with '//'");
    this.#stream.take();
    this.#stream.skipLine();
    return true;
  }

  /** A block is open at the end of the file. CoreDNS names the last word it has seen. */
  #unclosed(brace: Token): void {
    const last = this.#stream.previous;
    this.#faults.add(`Syntax error: Unexpected token '${last?.text}', expecting '}'`, last, unclosedHint(brace));
  }

  #replaced(token: Token): Token {
    const text = replaceVariables(token.text, this.#environment.env);
    return text === token.text ? token : { ...token, text };
  }

  #fault(message: string, token: Token | null, hint?: string): void {
    this.#faults.add(`Error during parsing: ${message}`, token, hint);
  }
}

const unclosedHint = (brace: Token): string =>
  `the '{' at ${brace.file}:${brace.line}:${brace.column} is not closed: add '}'`;

/** True where a word in the first column follows on indented directives: the keys of a next block, as people lay them out. */
const looksLikeNextBlock = (next: Token, block: OpenBlock): boolean =>
  next.column === 1 && next.via === null && (block.occurrences[0]?.name.column ?? 1) > 1;
