import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCorefile } from './parser.ts';

/** Parses with files held in memory; a name that is not among them does not exist. */
const parse = (text: string, files: Record<string, string> = {}) =>
  parseCorefile(
    { file: '/etc/Corefile', text },
    {
      env: { NAME: 's' },
      readFile: (path) => {
        if (files[path] === 'EACCES') throw new Error(`open ${path}: permission denied`);
        return files[path] as string;
      },
      glob: (pattern) => {
        const expression = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`);
        return Object.keys(files).filter((file) => expression.test(file));
      },
    },
  );
const faultsOf = (text: string, files: Record<string, string> = {}): string[] =>
  parse(text, files).faults.list.map(({ message, token }) => `${token?.line}:${token?.column} ${message}`);
const directives = (text: string, files: Record<string, string> = {}): unknown =>
  parse(text, files).corefile.blocks.map(({ keys, directives: of }) => [
    keys[0]?.text,
    of.map(({ occurrences }) =>
      occurrences.map(({ args, name }) => [name, ...args].map((token) => token.text).join(' ')),
    ),
  ]);

describe('snippets', () => {
  it('stand for their words, in blocks, in directives and within each other', () => {
    const { corefile, faults } = parse(
      '(a) {\n x 1\n}\n(b) {\n import a\n y\n}\nz {\n import {$NAME}\n foo {\n  import b\n  q\n }\n}\n(s) {\n}',
    );
    expect(faults.list.map(({ message }) => message)).toEqual(['Error during parsing: File to import not found: s']);
    expect(
      corefile.blocks[0]?.directives[0]?.occurrences[0]?.body?.map(({ name, args }) =>
        [name, ...args].map((t) => t.text),
      ),
    ).toEqual([['x', '1'], ['y'], ['q']]);
  });

  it('keep lines apart when one of a single line is imported twice', () => {
    expect(directives('(a) {\n log x\n}\nz {\n import a\n import a\n}')).toEqual([['z', [['log x', 'log x']]]]);
  });

  it('carry the trail of imports they came through, and their own place', () => {
    const { corefile } = parse('(a) {\n x\n}\n(b) {\n import a\n}\nz {\n import b\n}');
    const token = corefile.blocks[0]?.directives[0]?.occurrences[0]?.name;
    expect(token).toMatchObject({
      text: 'x',
      line: 2,
      via: { line: 5, column: 9, what: 'a', via: { line: 8, column: 9, what: 'b', via: null } },
    });
  });

  it('may not be declared twice, and the first holds', () => {
    const text = '(a) {\n x\n}\n(a) {\n y\n}\nz {\n import a\n}';
    expect(faultsOf(text)).toEqual(['4:1 Error during parsing: redeclaration of previously declared snippet a']);
    expect(directives(text)).toEqual([['z', [['x']]]]);
  });

  it('must be declared above; the hint says so, or names the one that was meant', () => {
    expect(parse('z {\n import snip\n}\n(snip) {\n}').faults.list[0]?.hint).toBe(
      'a snippet must be declared above the line that imports it',
    );
    expect(parse('(snippet) {\n}\nz {\n import snipet\n}').faults.list[0]?.hint).toBe('did you mean "snippet"?');
    expect(parse('(a) {\n}\nz {\n import (a)\n}').faults.list[0]?.hint).toContain('without parentheses: import a');
  });

  it('may not import themselves, directly or in a circle', () => {
    const limit = 'Error during parsing: maximum snippet import depth (10000) exceeded';
    expect(faultsOf('(s) {\n import s\n}\nz {\n import s\n}')).toEqual([`3:1 ${limit}`]);
    expect(faultsOf('(a) {\n import b\n}\n(b) {\n import a\n}\nz {\n import a\n}')).toEqual([`5:9 ${limit}`]);
  });

  it('end where imports double at each step', () => {
    const steps = Array.from({ length: 40 }, (_, i) => `(s${i + 1}) {\n import s${i}\n import s${i}\n}\n`).join('');
    expect(faultsOf(`(s0) {\n x\n}\n${steps}z {\n import s40\n}`).join()).toContain('(10000) exceeded');
  });
});

describe('imported files', () => {
  const files = {
    '/etc/conf.d/a.conf': 'cache 30 {\n success 1\n}\n',
    '/etc/conf.d/b.conf': 'import more/c.conf\n',
    '/etc/conf.d/more/c.conf': 'whoami',
    '/etc/blocks': 'a {\n}\nb {\n x\n}',
  };

  it('are found from the file that imports them, by path and by pattern', () => {
    expect(directives('z {\n import conf.d/*.conf\n foo\n}', files)).toEqual([
      ['z', [['cache 30'], ['whoami'], ['foo']]],
    ]);
    expect(directives('import /etc/blocks', files)).toEqual([
      ['a', []],
      ['b', [['x']]],
    ]);
  });

  it('give their words their own name and line', () => {
    const { corefile } = parse('z {\n import conf.d/b.conf\n}', files);
    expect(corefile.blocks[0]?.directives[0]?.occurrences[0]?.name).toMatchObject({
      file: '/etc/conf.d/more/c.conf',
      line: 1,
      via: { file: '/etc/conf.d/b.conf', line: 1, via: { file: '/etc/Corefile', line: 2 } },
    });
  });

  it('only warn for a pattern that nothing matches', () => {
    const { faults } = parse('z {\n import none/*.conf\n}');
    expect(faults.list).toEqual([]);
    expect(faults.warnings.map(({ message }) => message)).toEqual([
      'No files matching import glob pattern: none/*.conf',
    ]);
  });

  it.each([
    ['import', "Wrong argument count or unexpected line ending after 'import'"],
    ['import ""', 'Import requires a non-empty filepath'],
    ['import a b', 'Import takes only one argument (glob pattern or file)'],
    ['import nosuch', 'File to import not found: nosuch'],
    ['import a*b*c', 'Glob pattern may only contain one wildcard (*), but has others: a*b*c'],
    ['import [ab]', 'Glob pattern may only contain one wildcard (*), but has others: [ab]'],
    ['import secret', 'Could not import /etc/secret: open /etc/secret: permission denied'],
  ])('%s is refused and the rest of the block read', (line, message) => {
    const text = `z {\n ${line}\n foo\n}`;
    const { corefile, faults } = parse(text, { '/etc/secret': 'EACCES' });
    expect(faults.list.map((fault) => fault.message)).toEqual([`Error during parsing: ${message}`]);
    expect(corefile.blocks[0]?.directives.map(({ name }) => name)).toEqual(['foo']);
  });

  it('may not import themselves or the main file', () => {
    const limit = 'Error during parsing: maximum file import depth (10000) exceeded';
    expect(faultsOf('import Corefile', { '/etc/Corefile': '' })).toEqual([`1:8 ${limit}`]);
    expect(faultsOf('import a', { '/etc/a': 'import b', '/etc/b': 'import a' })).toEqual([`1:8 ${limit}`]);
  });
});

describe('the real file system', () => {
  let directory = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'imports-'));
    mkdirSync(join(directory, 'conf.d', 'sub'), { recursive: true });
    writeFileSync(join(directory, 'conf.d', '2.conf'), 'two');
    writeFileSync(join(directory, 'conf.d', '1.conf'), 'one');
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const read = (pattern: string) => {
    const { corefile, faults } = parseCorefile({
      file: join(directory, 'Corefile'),
      text: `z {\n import ${pattern}\n}`,
    });
    return [corefile.blocks[0]?.directives.map(({ name }) => name), faults.list.map(({ message }) => message)];
  };

  it('gives the files of a pattern in order', () => {
    expect(read('conf.d/*.conf')).toEqual([['one', 'two'], []]);
    expect(read('conf.d/?.conf')).toEqual([['one', 'two'], []]);
    expect(read('*/1.conf')).toEqual([['one'], []]);
  });

  it('refuses a directory', () => {
    expect(read('conf.d/sub')).toEqual([
      [],
      [`Error during parsing: Could not import ${join(directory, 'conf.d/sub')}: is a directory`],
    ]);
  });

  it('takes an impossible path for a file that is not there', () => {
    expect(read('"a\0b"')[1]).toEqual(['Error during parsing: File to import not found: a\0b']);
  });
});
