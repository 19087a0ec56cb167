import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFault } from './fault.ts';
import { parseYaml } from './parse-yaml.ts';

const faultsOf = (text: string) => parseYaml('a.yaml', text).faults.map(formatFault);
const valuesOf = (text: string) => parseYaml('a.yaml', text).documents.map(({ value }) => value);

describe('parseYaml', () => {
  it('reads several documents, merge keys, and JSON', () => {
    expect(valuesOf('a: 1\n---\nb: &x {c: 2}\nd:\n  <<: *x\n')).toEqual([{ a: 1 }, { b: { c: 2 }, d: { c: 2 } }]);
    expect(valuesOf('{\n\t"a": [1, "\\u00e9"]\n}')).toEqual([{ a: [1, 'é'] }]);
    expect(valuesOf('')).toEqual([]);
  });

  it('gives the other documents of a file when one is no YAML, and every such one as a fault with its own line', () => {
    const text = 'a: 1\n---\nb: [\n---\nc: 3\n---\n  d: "\n';
    expect(valuesOf(text)).toEqual([{ a: 1 }, { c: 3 }]);
    expect(faultsOf(text).map((line) => line.slice(0, 10))).toEqual(['a.yaml:3:5', 'a.yaml:7:7']);
  });

  it('takes a --- inside an indented text for the text that it is', () => {
    expect(valuesOf('a: |\n  x\n  ---\n  y\nb: 2\n')).toEqual([{ a: 'x\n---\ny\n', b: 2 }]);
  });

  it('names the mend for comments as other languages have them', () => {
    const mend = 'not YAML: a comment begins with #, not with //: change it to #';
    expect(faultsOf('kind: Service\nspec:\n  // the selector\n  selector:\n    a: b\n')).toEqual([
      `a.yaml:3:3: ${mend}, in: // the selector`,
    ]);
    expect(faultsOf('spec:\n  type: NodePort\n  // the ports\n  ports: []\n')).toEqual([
      `a.yaml:3:3: ${mend}, in: // the ports`,
    ]);
    expect(faultsOf('// a Service\nkind: Service\n')).toEqual([`a.yaml:1:1: ${mend}, in: // a Service`]);
    expect(faultsOf('a: 1\n---\nkind: Service\nports: [ // two\n 1\n')[0]).toContain(
      'a.yaml:4:10: not YAML: a comment',
    );
    expect(faultsOf('/* a */\nkind: Service\n')[0]).toContain(
      'a.yaml:1:1: not YAML: a comment begins with #, not with /*',
    );
  });

  it('names the mend for a template and for a tab', () => {
    expect(faultsOf('a: 1\nname: {{ .Values.name }}\n')[0]).toContain('a.yaml:2:7: not YAML: this is a template');
    expect(faultsOf('a: b\n\tc: d\n')[0]).toContain('a.yaml:2:1: not YAML: a tab indents this line: use spaces');
  });

  it('finds a field by its path, and the nearest one around it where there is none', () => {
    const text = '# c\na: 1\n---\nspec:\n  ports:\n    - name: x\n      port: "80"\n    - {name: y, port: 81}\n';
    const document = parseYaml('a.yaml', text).documents[1];
    const at = (...path: (string | number)[]) => {
      const { line, column } = document?.at(path) ?? { line: 0, column: 0 };
      return `${line}:${column}`;
    };
    expect(at()).toBe('4:1');
    expect(at('spec', 'ports', 0, 'name')).toBe('6:13');
    expect(at('spec', 'ports', 0, 'port')).toBe('7:13');
    expect(at('spec', 'ports', 1, 'port')).toBe('8:23');
    expect(at('spec', 'ports', 1, 'nodePort')).toBe('8:7');
    expect(at('spec', 'ports')).toBe('5:3');
    expect(at('spec', 'type')).toBe('4:1');
    expect(at('spec', 'ports', 7)).toBe('5:3');
  });

  it('finds a block scalar with nothing in it at its head', () => {
    expect(parseYaml('a.yaml', '# a text\n|-\n\n').documents[0]?.at([])).toEqual({
      file: 'a.yaml',
      line: 2,
      column: 3,
    });
  });

  it('refuses depth and aliases without end', () => {
    expect(faultsOf('['.repeat(5000))).toHaveLength(1);
    expect(faultsOf(`a: &a 1\nb: [${'*a, '.repeat(2000)}]`)).toHaveLength(1);
  });

  it('gives values or faults for any text, and never throws', () => {
    const piece = fc.constantFrom(
      '---\n',
      'a: ',
      '- ',
      '\n',
      '  ',
      '"',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '|',
      '//',
      '#',
      '\t',
      '\0',
      '\ufeff',
      '%',
      '!!x',
      'é',
      '\r\n',
      '<<: ',
      '?',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const { documents, faults } = parseYaml('a.yaml', pieces.join(''));
        for (const { position } of faults) expect(position.line).toBeGreaterThan(0);
        for (const document of documents) expect(document.at(['a', 0]).line).toBeGreaterThan(0);
      }),
    );
  });
});
