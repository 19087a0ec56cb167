/** A Corefile that is written out from a tree, as oddly as the language allows, is read as that tree. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { parseCorefile } from './parser.ts';
import type { Corefile, OptionLine } from './tree.ts';

interface Line {
  readonly name: string;
  readonly args: readonly string[];
  readonly body: readonly Line[] | null;
}
interface ServerBlock {
  readonly keys: readonly string[];
  readonly lines: readonly Line[];
}

/** Words that mean something by themselves. Quoting does not change that, in CoreDNS neither. */
const isSpecial = (word: string): boolean => /^([{}]?|import|\/\/.*)$/s.test(word) || /\{[$%]/.test(word);
const anyWord = fc.oneof(
  fc.constantFrom(
    'cache',
    '30',
    '.',
    'cluster.local',
    '10.0.0.0/8',
    'a:53',
    '',
    'x{',
    '}y',
    'a"b',
    '"',
    '\\',
    '//x',
    '()',
  ),
  fc.string({ unit: fc.constantFrom(...'ab.:/,#"{}$%\\( \t\n\u00a0é😀'), maxLength: 8 }),
);
const word = anyWord.filter((text) => text === '' || !isSpecial(text));
const name = anyWord.filter((text) => !isSpecial(text));
const key = name.filter((text) => !/^\(|,$/.test(text));

const line: fc.Arbitrary<Line> = fc.letrec<{ line: Line }>((tie) => ({
  line: fc.record(
    {
      name,
      args: fc.array(word, { maxLength: 3 }),
      body: fc.option(fc.array(tie('line'), { maxLength: 3, depthIdentifier: 'line' }), {
        freq: 1,
        depthIdentifier: 'line',
      }),
    },
    { noNullPrototype: true },
  ),
})).line;
const block: fc.Arbitrary<ServerBlock> = fc.record(
  { keys: fc.array(key, { minLength: 1, maxLength: 3 }), lines: fc.array(line, { maxLength: 4 }) },
  { noNullPrototype: true },
);
const corefile = fc.array(block, { maxLength: 3 });
/** What the writer decides by; all zeros is the plainest way to write. */
const whims = fc.array(fc.nat(99), { minLength: 1, maxLength: 200 });

/** Writes a tree, with every choice taken from a list of numbers. */
class Writer {
  readonly files: Record<string, string> = {};
  readonly env: Record<string, string> = {};
  readonly #whims: readonly number[];
  #at = 0;
  /** Snippets, which must stand above their use. */
  #head = '';
  #count = 0;

  constructor(whims: readonly number[]) {
    this.#whims = whims;
  }

  corefile(blocks: readonly ServerBlock[]): string {
    const isBare = blocks.length === 1 && blocks[0]?.lines.length !== 0 && this.#is(20);
    const text = isBare
      ? this.#bareBlock(blocks[0] as ServerBlock)
      : this.#run(blocks, (each) => this.#block(each), false);
    return (this.#is(10) ? '\ufeff' : '') + this.#head + text;
  }

  /** The one block of a file needs no braces. */
  #bareBlock({ keys, lines }: ServerBlock): string {
    return `${this.#keys(keys)}${this.#lineEnd()}${this.#run(lines, (each) => this.#line(each, true), true)}`;
  }

  #block({ keys, lines }: ServerBlock): string {
    const open = `${this.#keys(keys)}${this.#is(20) ? this.#lineEnd() : this.#space()}{${this.#lineEnd()}`;
    return `${open}${this.#run(lines, (each) => this.#line(each, true), true)}${this.#indent()}}${this.#lineEnd()}`;
  }

  #keys(keys: readonly string[]): string {
    return keys
      .map((text, i) => {
        const written = this.#word(text);
        if (i === keys.length - 1) return written;
        const mayHaveComma = !/["#]|^$/.test(written);
        if (!mayHaveComma || !this.#is(30)) return written + this.#space();
        return `${written},${this.#is(40) ? this.#lineEnd() : this.#space()}`;
      })
      .join('');
  }

  /** Things one after the other, some of them by way of a snippet or a file. */
  #run<T>(all: readonly T[], write: (each: T) => string, maySnippet: boolean): string {
    return all
      .map((each) => {
        const text = write(each);
        if (!this.#is(12)) return this.#indent() + text;
        const label = `s${this.#count++}`;
        if (maySnippet && this.#is(50))
          this.#head += `(${label})${this.#space()}{${this.#lineEnd()}${text}}${this.#lineEnd()}`;
        else this.files[`/c/${label}`] = text;
        return `${this.#indent()}import${this.#space()}${label}${this.#lineEnd()}`;
      })
      .join('');
  }

  #line({ name: first, args, body }: Line, isDirective = false): string {
    let text = [first, ...args].map((each) => this.#word(each)).join('\0');
    // Behind a closing quote the next word may follow at once.
    text = text.replace(/\0/g, () => this.#space());
    if (body === null) return text + this.#lineEnd();
    const isBelow = isDirective && this.#is(10);
    text += `${isBelow ? this.#lineEnd() : this.#space()}{`;
    const last = body.at(-1);
    // One line will do for options that end with a word.
    if (body.length === 1 && last?.body === null && this.#is(30)) {
      const words = [last.name, ...last.args].map((each) => this.#word(each)).join(' ');
      return `${text}${this.#space()}${words}${this.#space()}}${this.#lineEnd()}`;
    }
    return `${text}${this.#lineEnd()}${this.#run(body, (each) => this.#line(each), true)}${this.#indent()}}${this.#lineEnd()}`;
  }

  #word(text: string): string {
    const asIs = this.#is(15) ? this.#withVariable(text) : text;
    const mustQuote = asIs === '' || /[\s\u0085]|#|^"/.test(asIs);
    // A backslash at the end would take the closing quote with it; a \r is kept in quotes only.
    const mayQuote = !/\\$/.test(asIs) && !/\\"/.test(asIs);
    if (mustQuote && !mayQuote) return this.#variable(text);
    if (mustQuote || (mayQuote && this.#is(15))) return `"${asIs.replaceAll('"', '\\"')}"`;
    // A \r that is not in quotes is not there at all.
    const bare = this.#is(5) ? [...asIs].join('\r') : asIs;
    return this.#is(5) ? `${bare}#${this.#pick(['', 'x', '"{', '}'])}` : bare;
  }

  #withVariable(text: string): string {
    const characters = [...text];
    const [from, to] = [this.#next() % (characters.length + 1), this.#next() % (characters.length + 1)].sort(
      (a, b) => a - b,
    );
    const around = [characters.slice(0, from).join(''), characters.slice(to).join('')] as const;
    // What stands around it must not make another variable of it.
    return `${around[0]}${this.#variable(characters.slice(from, to).join(''))}${around[1]}`;
  }

  #variable(value: string): string {
    const label = `V${this.#count++}`;
    this.env[label] = value;
    return this.#is(50) ? `{$${label}}` : `{%${label}%}`;
  }

  #space(): string {
    return this.#pick([' ', ' ', ' ', '\t', '   ', '\u00a0', ' \r ']);
  }

  #indent(): string {
    return this.#pick(['', '    ', '\t', ' # a comment { " import x\n  ', '\n\n', '#\n']);
  }

  #lineEnd(): string {
    return this.#pick(['\n', '\n', '\n', '\r\n', ' # a comment } "\n', '\n\n', '  \n']);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#next() % choices.length] as T;
  }

  /** True for about so many in a hundred. */
  #is(percent: number): boolean {
    return 99 - this.#next() < percent;
  }

  #next(): number {
    return this.#whims[this.#at++ % this.#whims.length] as number;
  }
}

const linesOf = (options: readonly OptionLine[] | null): Line[] | null =>
  options?.map(({ name: first, args, body }) => ({
    name: first.text,
    args: args.map(({ text }) => text),
    body: linesOf(body),
  })) ?? null;

/** A read tree in the form of the written one, directives of one name together. */
const readTree = ({ blocks }: Corefile) =>
  blocks.map(({ keys, directives }) => ({
    keys: keys.map(({ text }) => text),
    lines: directives.flatMap(({ occurrences }) => linesOf(occurrences) as Line[]),
  }));

const writtenTree = (blocks: readonly ServerBlock[]) =>
  blocks.map(({ keys, lines }) => {
    const names = [...new Set(lines.map((each) => each.name))];
    return { keys, lines: names.flatMap((first) => lines.filter((each) => each.name === first)) };
  });

describe('a tree that is written out', () => {
  it('is read back, however words are spaced, quoted, commented, imported or taken from variables', () => {
    let words = 0;
    fc.assert(
      fc.property(corefile, whims, (blocks, choices) => {
        const writer = new Writer(choices);
        const text = writer.corefile(blocks);
        const { files, env } = writer;
        const { corefile: read, faults } = parseCorefile(
          { file: '/c/Corefile', text },
          { env, readFile: (path) => files[path] as string, glob: (path) => (path in files ? [path] : []) },
        );
        expect(faults.list, text).toEqual([]);
        expect(readTree(read), text).toEqual(writtenTree(blocks));
        words += read.blocks.length;
      }),
      runs(500),
    );
    expect(words).toBeGreaterThan(100);
  });
});
