import { describe, expect, it } from 'vitest';
import { faultLine, faultsText, faultText } from './diagnostics.ts';
import { parseCorefile } from './parser.ts';
import { type Fault, Faults, type Token } from './tree.ts';

const token = (changes: Partial<Token> = {}): Token => ({
  text: 'kuberntes',
  file: 'Corefile',
  line: 2,
  column: 3,
  isQuoted: false,
  via: null,
  ...changes,
});
const sources = new Map([['Corefile', '. {\r\n\t\tkuberntes {$ZONE} # why\r\n}\r\n']]);

describe('a fault as text', () => {
  it('has its place, the line with a caret under the word, and the hint', () => {
    const fault: Fault = {
      message: "Unknown directive 'kuberntes'",
      token: token(),
      hint: 'did you mean "kubernetes"?',
    };
    expect(faultText(fault, sources)).toBe(
      [
        "Corefile:2:3: Unknown directive 'kuberntes'",
        '  2 | \t\tkuberntes {$ZONE} # why',
        '    | \t\t^^^^^^^^^',
        '  hint: did you mean "kubernetes"?',
      ].join('\n'),
    );
  });

  it('underlines the word as the file has it, not its value', () => {
    const text = faultText({ message: 'x', token: token({ text: 'a', column: 13 }) }, sources);
    expect(text.split('\n').at(-1)).toBe(`    | \t\t${' '.repeat(10)}^^^^^^^`);
  });

  it('names the plugin whose setup found it', () => {
    const faults = new Faults();
    const own = new Faults();
    own.argument(token({ text: 'cache' }));
    faults.take(own, 'cache');
    expect(faultLine(faults.list[0] as Fault)).toBe(
      "Corefile:2:3: plugin/cache: Error during parsing: Wrong argument count or unexpected line ending after 'cache'",
    );
  });

  it('suggests an option of the plugin that set it up', () => {
    const faults = new Faults();
    const own = new Faults();
    own.add("unknown property 'prefech'", token({ text: 'prefech' }));
    own.add('already hinted', token({ text: 'prefech' }), 'stays');
    own.add('a known word', token({ text: 'success' }));
    faults.take(own, 'cache', ['success', 'prefetch']);
    expect(faults.list.map(({ hint }) => hint)).toEqual(['did you mean "prefetch"?', 'stays', undefined]);
  });

  it('tells through which imports it came, and shortens a long trail', () => {
    const { corefile, sources: read } = parseCorefile({ file: 'f', text: '(a) {\n x\n}\nz {\n import a\n}' });
    const at = corefile.blocks[0]?.directives[0]?.occurrences[0]?.name as Token;
    expect(faultText({ message: 'm', token: at }, read)).toBe('f:2:2: m\n  2 |  x\n    |  ^\n  imported at f:5:9 (a)');
    const deep = Array.from({ length: 9 }).reduce<Token['via']>(
      (via, _, i) => ({ file: 'f', line: i, column: 1, what: 'x', via }),
      null,
    );
    const lines = faultText({ message: 'm', token: token({ file: 'g', via: deep }) }, read).split('\n');
    expect(lines).toHaveLength(7);
    expect(lines[5]).toBe('  ... 4 more ...');
  });

  it('is one line for logs, whatever stands in the file', () => {
    const fault: Fault = { message: "Unexpected token 'a\nb\u001b[31m'", token: token(), hint: 'x\ny' };
    expect(faultLine(fault)).toBe(String.raw`Corefile:2:3: Unexpected token 'a\nb\x1b[31m' (x\ny)`);
  });

  it('shortens a message that holds half a file', () => {
    expect(
      faultLine({ message: `Unexpected token '${'x'.repeat(10_000)}', expecting '}'`, token: null }).length,
    ).toBeLessThan(420);
  });

  it('shows a part of a very long line, with the caret in it', () => {
    const long = new Map([['Corefile', `\n${'a '.repeat(500)}HERE${' b'.repeat(500)}`]]);
    const [, line = '', caret = ''] = faultText({ message: 'm', token: token({ column: 1001 }) }, long).split('\n');
    expect(line.length).toBeLessThan(180);
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('HERE');
  });

  it('hints at // where no other hint is given', () => {
    const slashes = new Map([['Corefile', '. {\n  cache 30 // seconds\n}']]);
    expect(faultText({ message: 'm', token: token() }, slashes)).toContain("hint: a comment starts with '#'");
  });

  it('stands alone where there is no place or no source', () => {
    expect(faultText({ message: 'm', token: null }, sources)).toBe('m');
    expect(faultText({ message: 'm', token: token({ file: 'other' }) }, sources)).toBe('other:2:3: m');
  });

  it('comes in the order of the main file, an imported one where its import stands', () => {
    const text = '(a) {\n x\n}\ny {\n b\n import a\n c\n}';
    const { corefile, sources: read } = parseCorefile({ file: 'f', text });
    const names = corefile.blocks[0]?.directives.map(({ occurrences }) => occurrences[0]?.name as Token) as Token[];
    const faults = [2, 1, 0].map((i): Fault => ({ message: 'm', token: names[i] as Token }));
    const printed = faultsText([{ message: 'last', token: null }, ...faults], read);
    expect(printed.match(/^\S.*$/gm)).toEqual(['f:5:2: m', 'f:2:2: m', 'f:7:2: m', 'last']);
  });
});
