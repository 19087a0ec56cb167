import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '#test/property-runs.ts';
import { faultsText } from './diagnostics.ts';
import { fingerprint } from './fingerprint.ts';
import { type ParseResult, parseCorefile } from './parser.ts';
import type { OptionLine, Token } from './tree.ts';

const CORPUS = join(import.meta.dirname, '../../test/corpus/corefile');
const seeds = readdirSync(CORPUS).filter((file) => file.endsWith('.corefile'));
const env = { PORT: '1053', ZONE: 'example.org', UP: '1.1.1.1 {', LOOP: '{$LOOP}' };
/** Files that an import may reach: itself, one with unbalanced braces, and one that imports more. */
const files: Record<string, string> = {
  '/c/open': 'x {\n y',
  '/c/close': '}\n}',
  '/c/again': 'import close\nimport open',
};

const parse = (text: string): ParseResult =>
  parseCorefile(
    { file: '/c/Corefile', text },
    { env, readFile: (path) => files[path] as string, glob: (path) => (path in files ? [path] : []) },
  );

/** A word must stand where its source has it. */
const checkPlace = ({ file, line, column }: Token, sources: ReadonlyMap<string, string>): void => {
  const source = sources.get(file)?.replace(/^\ufeff/, '');
  const characters = [...(source?.split('\n')[line - 1] ?? '')];
  expect(characters[column - 1], `${file}:${line}:${column}`).toMatch(/[\S\ufeff]/u);
};

const tokensOf = ({ name, args, body }: OptionLine): Token[] => [name, ...args, ...(body ?? []).flatMap(tokensOf)];

const checkAll = (text: string): void => {
  const { corefile, faults, sources } = parse(text);
  for (const { token } of [...faults.list, ...faults.warnings]) {
    expect(token).not.toBeNull();
    checkPlace(token as Token, sources);
  }
  for (const { keys, directives } of corefile.blocks) {
    for (const token of keys) checkPlace(token, sources);
    for (const { occurrences } of directives)
      for (const token of occurrences.flatMap(tokensOf)) checkPlace(token, sources);
  }
  expect(faultsText(faults.list, sources).split('\n').length).toBeGreaterThan(faults.list.length);
  expect(fingerprint(corefile)).toMatch(/^[\da-f]{128}$/);
};

/** Text made of what means something in a Corefile. */
const corefileText = fc
  .array(
    fc.constantFrom(
      ...['{', '}', '\n', '\n', ' ', '"', '\\', '#', ',', '//', '\r', '\ufeff', '\u00a0', '😀', '(s)', '(t)', 'x{'],
      ...[
        'import s\n',
        'import t\n',
        'import again\n',
        'import open\n',
        'import close\n',
        'import Corefile\n',
        'import *\n',
      ],
      ...['{$UP}', '{$LOOP}', '{%PORT%}', '{$}', 'a', 'cache 30', 'example.org:53', '\n    errors\n', ' {\n', '\n}\n'],
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

describe('any text', () => {
  it('gives a tree and faults that lie within its files', () => {
    fc.assert(fc.property(corefileText, checkAll), runs(1500));
  });

  it('is taken whatever its characters are', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), checkAll), runs(500));
  });

  it.each(seeds)('%s holds when cut off or spliced anywhere', (file) => {
    const text = readFileSync(join(CORPUS, file), 'utf8');
    checkAll(text);
    const place = fc.nat({ max: text.length });
    fc.assert(
      fc.property(place, place, corefileText, (from, to, between) => {
        checkAll(text.slice(0, from));
        checkAll(text.slice(0, Math.min(from, to)) + between + text.slice(Math.max(from, to)));
      }),
      runs(100),
    );
  });
});

describe('a Corefile of a megabyte', () => {
  const repeated = (part: string): string => part.repeat(Math.floor(1_000_000 / part.length));

  it.each([
    ['unclosed blocks', 'a {\n b {\n'],
    ['blocks that lack their brace, in the layout of blocks', 'a {\n x\n'],
    ['closing braces', '}\n'],
    ['glued braces', 'a{\n x{\n'],
    ['quotes', '"a\n'],
    ['slashes', '// {\n'],
    ['imports of nothing', 'import none\n'],
  ])('made of %s comes to an end', (_what, part) => {
    const { faults, corefile } = parse(repeated(part));
    expect(faults.list.length + faults.warnings.length + corefile.blocks.length).toBeGreaterThan(0);
  });
});
