import { describe, expect, it } from 'vitest';
import { parseCorefile } from './parser.ts';
import type { Corefile, OptionLine } from './tree.ts';

const parse = (text: string, env: Record<string, string> = {}) => parseCorefile({ file: 'Corefile', text }, { env });
const messages = (text: string): string[] =>
  parse(text).faults.list.map(({ message, token }) => `${token?.line}:${token?.column} ${message}`);
const lineOf = ({ name, args, body }: OptionLine): unknown =>
  body === null
    ? [name, ...args].map(({ text }) => text)
    : [...[name, ...args].map(({ text }) => text), body.map(lineOf)];
/** Keys, then directives with what follows them. */
const treeOf = ({ blocks }: Corefile): unknown =>
  blocks.map(({ keys, directives }) => [
    keys.map(({ text }) => text),
    Object.fromEntries(directives.map(({ name, occurrences }) => [name, occurrences.map(lineOf)])),
  ]);
const tree = (text: string, env: Record<string, string> = {}): unknown => treeOf(parse(text, env).corefile);

describe('server blocks', () => {
  it('have several keys, separated by spaces or by commas that may end a line', () => {
    expect(tree('a b, c,\nd {\n}')).toEqual([[['a', 'b', 'c', 'd'], {}]]);
    expect(tree('a,b {\n}')).toEqual([[['a,b'], {}]]);
  });

  it('may have their brace on the next line, and one may have none', () => {
    expect(tree('a\n{\n foo\n}')).toEqual([[['a'], { foo: [['foo']] }]]);
    expect(tree('a\nfoo x\nbar')).toEqual([[['a'], { foo: [['foo', 'x']], bar: [['bar']] }]]);
  });

  it('need no directives', () => {
    expect(tree('a')).toEqual([[['a'], {}]]);
    expect(parse('a').faults.list).toEqual([]);
  });

  it('are passed over without a zone, with a warning', () => {
    const { corefile, faults } = parse('{\n foo\n}');
    expect(corefile.blocks).toEqual([]);
    expect(faults.list).toEqual([]);
    expect(faults.warnings.map(({ message }) => message)).toEqual(['a server block without a zone is ignored']);
  });

  it('refuse a comma before the brace', () => {
    expect(messages('a, {\n}')).toEqual([
      "1:4 Error during parsing: Expected another address but had '{' - check for extra comma",
    ]);
    expect(messages('a,')).toEqual(['1:1 Error during parsing: Unexpected EOF']);
  });
});

describe('directives', () => {
  it('gather their occurrences in the order of the file', () => {
    expect(tree('a {\n foo 1\n bar\n foo 2 {\n  x y\n }\n}')).toEqual([
      [
        ['a'],
        {
          foo: [
            ['foo', '1'],
            ['foo', '2', [['x', 'y']]],
          ],
          bar: [['bar']],
        },
      ],
    ]);
  });

  it('may have a block within an option, a block on one line, and an empty block', () => {
    expect(tree('a {\n foo {\n  x 1 {\n   y\n  }\n  z\n }\n bar { q 1 }\n baz {\n }\n}')).toEqual([
      [['a'], { foo: [['foo', [['x', '1', [['y']]], ['z']]]], bar: [['bar', [['q', '1']]]], baz: [['baz', []]] }],
    ]);
  });

  it('take a block whose brace stands on the next line, with a warning, because CoreDNS does not see it', () => {
    const { corefile, faults } = parse('a {\n foo\n {\n  x\n }\n}');
    expect(treeOf(corefile)).toEqual([[['a'], { foo: [['foo', [['x']]]] }]]);
    expect(faults.warnings).toHaveLength(1);
  });

  it('go on after a line break within quotes', () => {
    expect(tree('a {\n foo "x\ny" z\n}')).toEqual([[['a'], { foo: [['foo', 'x\ny', 'z']] }]]);
  });

  it.each(['constructor', '__proto__', 'toString'])('may be called %s', (name) => {
    expect(parse(`a {\n ${name} x\n}`).corefile.blocks[0]?.directives.map((d) => d.name)).toEqual([name]);
  });

  it('refuse a word after their closing brace', () => {
    expect(messages('a {\n foo {\n } bar\n baz\n}')).toEqual([
      "3:4 Error during parsing: Wrong argument count or unexpected line ending after '}'",
    ]);
  });
});

describe('environment variables', () => {
  it('stand in keys, names, words and quotes, several in one word; an unset one is empty', () => {
    expect(tree('{$A}.{%B%} {\n {$A} x{$B}y "{$A} z" {$NONE}\n}', { A: 'a', B: 'b c' })).toEqual([
      [['a.b c'], { a: [['a', 'xb cy', 'a z', '']] }],
    ]);
  });

  it('leave {$} and an unclosed reference alone', () => {
    expect(tree('a {\n foo {$} {$A\n}', { A: 'x' })).toEqual([[['a'], { foo: [['foo', '{$}', '{$A']] }]]);
  });

  it('end for a variable that names itself', () => {
    expect(parse('a {\n foo {$A}\n}', { A: '{$A}{$A}' }).corefile.blocks).toHaveLength(1);
  });

  it('make a word of a brace', () => {
    expect(tree('a {\n foo {\n  {$A} x\n }\n}', { A: '{' })).toEqual([[['a'], { foo: [['foo', [['{', 'x']]]] }]]);
  });
});

describe('faults', () => {
  it.each([
    ['a { foo }', "1:9 Error during parsing: Unexpected '}' because no matching opening brace"],
    ['a {\n foo\n', "2:2 Syntax error: Unexpected token 'foo', expecting '}'"],
    ['a {\n foo {\n  x\n', '3:3 Error during parsing: Unexpected EOF'],
    ['(s)\nfoo', "2:1 Syntax error: Unexpected token 'foo', expecting '{'"],
  ])('%j is refused once', (text, message) => {
    expect(messages(text)).toEqual([message]);
  });

  it('name the brace that is not closed', () => {
    expect(parse('a {\n foo {\n x\n}\n bar\n').faults.list[0]?.hint).toBe(
      "the '{' at Corefile:1:3 is not closed: add '}'",
    );
    expect(parse('a {\n foo "x\n}\n').faults.list[0]?.hint).toBe(`the '"' at Corefile:2:6 is not closed`);
  });

  it('go on at the block that follows a missing brace', () => {
    const { corefile, faults } = parse('a {\n foo {\n  x\n\nb.c {\n bar }\n}\nc. {\n baz\n');
    expect(faults.list.map(({ message, token }) => `${token?.line} ${message}`)).toEqual([
      "5 Syntax error: Unexpected token 'b.c', expecting '}'",
      "6 Error during parsing: Unexpected '}' because no matching opening brace",
      "9 Syntax error: Unexpected token 'baz', expecting '}'",
    ]);
    expect(treeOf(corefile)).toEqual([
      [['a'], {}],
      [['b.c'], { bar: [['bar']] }],
      [['c.'], { baz: [['baz']] }],
    ]);
  });

  it('accept a block that is open where the file ends in another closing brace, as CoreDNS does, with a warning', () => {
    const { corefile, faults } = parse('a {\n foo {\n  x\n }\n');
    expect(treeOf(corefile)).toEqual([[['a'], { foo: [['foo', [['x']]]] }]]);
    expect(faults.list).toEqual([]);
    expect(faults.warnings[0]?.message).toContain("the '{' at Corefile:1:3 is not closed");
    expect(messages('a {\n foo\nb.c {\n bar\n}\n')).toEqual([
      "3:1 Syntax error: Unexpected token 'b.c', expecting '}'",
    ]);
  });

  it('take an inline brace for the end of the block only where that end would be missing', () => {
    expect(tree('a { foo }\nb {\n bar\n}')).toEqual([
      [['a'], { foo: [['foo']] }],
      [['b'], { bar: [['bar']] }],
    ]);
    expect(tree('a {\n foo }\n bar\n}')).toEqual([[['a'], { foo: [['foo']], bar: [['bar']] }]]);
  });

  it('read on within a brace that follows no directive', () => {
    expect(messages('a {\n {\n  foo\n }\n bar\n}\nb {\n}')).toEqual([
      "2:2 Error during parsing: Unknown directive '{'",
    ]);
  });

  it('warn of a closing brace too many, which CoreDNS takes for a zone', () => {
    const { corefile, faults } = parse('a {\n}\n}');
    expect(corefile.blocks.map(({ keys }) => keys[0]?.text)).toEqual(['a', '}']);
    expect(faults.warnings).toHaveLength(1);
  });

  it('bound the depth of blocks', () => {
    const deep = `a {\n foo ${'{ x '.repeat(5000)}${'} '.repeat(5000)}\n}`;
    expect(messages(deep).join()).toContain('blocks stand more than 100 deep in each other');
  });
});

describe('what tutorials print', () => {
  it('has the mend named where a brace is glued to a word, and is read as meant', () => {
    const text = 'cluster.local{\n kubernetes cluster.local{\n  pods insecure\n }\n health{\n }\n}';
    const { corefile, faults } = parse(text);
    expect(faults.list.map(({ token, hint }) => `${token?.line}:${token?.column} ${hint}`)).toEqual([
      '1:1 write a space before the brace: cluster.local {',
      '2:13 write a space before the brace: cluster.local {',
      '5:2 write a space before the brace: health {',
    ]);
    expect(treeOf(corefile)).toEqual([
      [
        ['cluster.local'],
        { kubernetes: [['kubernetes', 'cluster.local', [['pods', 'insecure']]]], health: [['health', []]] },
      ],
    ]);
  });

  it('has the mend named for // comments wherever a line or a block begins, once each', () => {
    const text = '// x {\na { // y\n foo { // z\n  // x 1\n  x 2\n }\n // }\n}';
    const { corefile, faults } = parse(text);
    expect(faults.list.map(({ token }) => `${token?.line}:${token?.column}`)).toEqual([
      '1:1',
      '2:5',
      '3:8',
      '4:3',
      '7:2',
    ]);
    expect(new Set(faults.list.map(({ hint }) => hint))).toEqual(new Set(["a comment starts with '#', not with '//'"]));
    expect(treeOf(corefile)).toEqual([[['a'], { foo: [['foo', [['x', '2']]]] }]]);
  });

  it('leaves a word that ends in a brace alone where the braces come out even, as CoreDNS does', () => {
    expect(tree('a {\n log . x{\n}')).toEqual([[['a'], { log: [['log', '.', 'x{']] }]]);
  });
});
