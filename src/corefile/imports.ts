import { dirname, isAbsolute, resolve } from 'node:path';
import { type Environment, replaceVariables } from './environment.ts';
import { tokenize } from './lexer.ts';
import { suggestion } from './suggest.ts';
import type { TokenStream } from './token-stream.ts';
import type { Faults, ImportTrail, Token } from './tree.ts';

const MAX_SNIPPETS = 10_000;
const MAX_FILES = 100_000;
/** Stands against a snippet that doubles at each import; CoreDNS runs out of memory there. */
const MAX_TOKENS = 1_000_000;

/** Splices what `import` names into a stream, within limits. */
export class Imports {
  readonly #snippets = new Map<string, readonly Token[]>();
  readonly #environment: Environment;
  readonly #faults: Faults;
  readonly #root: string;
  /** Text of every file read, by the name its words carry. */
  readonly sources: Map<string, string>;
  #snippetCount = 0;
  #fileCount = 0;
  #tokenCount = 0;
  /** After a limit is passed, it is reported once and imports stand for nothing. */
  #isExhausted = false;

  constructor(root: string, sources: Map<string, string>, environment: Environment, faults: Faults) {
    this.#root = resolve(root);
    this.sources = sources;
    this.#environment = environment;
    this.#faults = faults;
  }

  /** Keeps a snippet; `name` is the word it is declared with, `end` its closing brace. */
  declare(name: string, declaration: Token, tokens: readonly Token[], end: Token): void {
    if (this.#snippets.has(name)) {
      this.#fault(`redeclaration of previously declared snippet ${name}`, declaration);
      return;
    }
    const itself = tokens.find(
      (token, i) => startsLine(tokens, i) && token.text === 'import' && this.#argument(tokens[i + 1]) === name,
    );
    if (itself !== undefined) {
      const hint = `snippet "${name}" imports itself at ${itself.file}:${itself.line}:${itself.column}`;
      this.#fault(`maximum snippet import depth (${MAX_SNIPPETS}) exceeded`, end, hint);
    }
    this.#snippets.set(name, itself === undefined ? tokens : []);
  }

  /** Takes an `import` line from the stream and puts in its place what it names. A faulty one stands for nothing. */
  expand(stream: TokenStream): void {
    const before = stream.previous;
    const directive = stream.take() as Token;
    const argument = stream.isAtLineStart ? null : stream.take();
    if (argument === null) {
      this.#faults.argument(directive);
      stream.splice([], before);
      return;
    }
    const extra = stream.isAtLineStart ? null : stream.peek();
    if (extra !== null) {
      this.#fault('Import takes only one argument (glob pattern or file)', extra);
      stream.skipLine();
      stream.splice([], before);
      return;
    }
    const tokens = this.#tokensOf(this.#argument(argument), argument);
    this.#tokenCount += tokens.length;
    if (this.#tokenCount > MAX_TOKENS) this.#exhaust(`imports amount to more than ${MAX_TOKENS} words`, argument);
    stream.splice(this.#isExhausted ? [] : tokens, before);
  }

  #tokensOf(name: string, argument: Token): readonly Token[] {
    if (this.#isExhausted) return [];
    if (name === '') {
      this.#fault('Import requires a non-empty filepath', argument);
      return [];
    }
    const snippet = this.#snippets.get(name);
    return snippet === undefined ? this.#filesOf(name, argument) : this.#snippetOf(name, snippet, argument);
  }

  #snippetOf(name: string, tokens: readonly Token[], argument: Token): readonly Token[] {
    if (isWithin(argument.via, name)) {
      const hint = `snippet "${name}" imports itself by way of "${argument.via?.what}"`;
      this.#exhaust(`maximum snippet import depth (${MAX_SNIPPETS}) exceeded`, argument, hint);
      return [];
    }
    if (++this.#snippetCount > MAX_SNIPPETS) {
      this.#exhaust(`maximum snippet import depth (${MAX_SNIPPETS}) exceeded`, argument);
      return [];
    }
    const via = trailOf(argument, name);
    return tokens.map((token) => ({ ...token, via }));
  }

  #filesOf(pattern: string, argument: Token): readonly Token[] {
    if (++this.#fileCount > MAX_FILES) {
      // CoreDNS prints the limit of snippets here (caddyfile/parse.go).
      this.#exhaust(`maximum file import depth (${MAX_SNIPPETS}) exceeded`, argument);
      return [];
    }
    const path = isAbsolute(pattern) ? pattern : resolve(dirname(resolve(argument.file)), pattern);
    if (count(path, '*') > 1 || count(path, '?') > 1 || (path.includes('[') && path.includes(']'))) {
      this.#fault(`Glob pattern may only contain one wildcard (*), but has others: ${pattern}`, argument);
      return [];
    }
    if (path.includes('[')) {
      this.#fault(`Failed to use import pattern ${pattern}: syntax error in pattern`, argument);
      return [];
    }
    const files = this.#environment.glob(path);
    if (files.length === 0 && /[*?\]]/.test(path))
      this.#faults.warn(`No files matching import glob pattern: ${pattern}`, argument);
    else if (files.length === 0)
      this.#fault(`File to import not found: ${pattern}`, argument, snippetHint(pattern, [...this.#snippets.keys()]));
    return files.flatMap((file) => this.#read(file, argument));
  }

  #read(file: string, argument: Token): readonly Token[] {
    if (file === this.#root || isWithin(argument.via, file)) {
      this.#exhaust(`maximum file import depth (${MAX_SNIPPETS}) exceeded`, argument, `"${file}" imports itself`);
      return [];
    }
    try {
      const text = this.sources.get(file) ?? this.#environment.readFile(file);
      this.sources.set(file, text);
      const via = trailOf(argument, file);
      return tokenize(file, text).map((token) => ({ ...token, via }));
    } catch (error) {
      this.#fault(`Could not import ${file}: ${reasonOf(error)}`, argument);
      return [];
    }
  }

  #argument(token: Token | undefined): string {
    return token === undefined ? '' : replaceVariables(token.text, this.#environment.env);
  }

  #exhaust(message: string, token: Token, hint?: string): void {
    this.#isExhausted = true;
    this.#fault(message, token, hint);
  }

  #fault(message: string, token: Token, hint?: string): void {
    this.#faults.add(`Error during parsing: ${message}`, token, hint);
  }
}

const trailOf = (argument: Token, what: string): ImportTrail => ({
  file: argument.file,
  line: argument.line,
  column: argument.column,
  what,
  via: argument.via,
});

const isWithin = (via: ImportTrail | null, what: string): boolean => {
  for (let trail = via; trail !== null; trail = trail.via) if (trail.what === what) return true;
  return false;
};

const startsLine = (tokens: readonly Token[], at: number): boolean => {
  const before = tokens[at - 1];
  const token = tokens[at] as Token;
  return before === undefined || before.file !== token.file || before.line !== token.line;
};

const count = (text: string, char: string): number => text.split(char).length - 1;

const snippetHint = (pattern: string, snippets: readonly string[]): string | undefined => {
  const bare = /^\((.*)\)$/s.exec(pattern)?.[1];
  if (bare !== undefined) return `write the snippet's name without parentheses: import ${bare}`;
  const near = suggestion(pattern, snippets);
  if (near !== undefined || /[./]/.test(pattern)) return near;
  return 'a snippet must be declared above the line that imports it';
};

const reasonOf = (error: unknown): string => {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'EISDIR') return 'is a directory';
  return error instanceof Error ? error.message : String(error);
};
