import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '#kube/manifests/parse-yaml.ts';
import { scalarOffsets } from './scalar-offsets.ts';

/** Lines as Corefiles have them, with what makes writers of YAML change the style: blanks at the end, tabs, quotes, other characters. */
const line = fc
  .array(
    fc.constantFrom('.:53 {', '    errors', 'log', '\t', ' ', '}', '"x y"', "'", '\\', '#', 'é', '𝔘', ': ', '- '),
    {
      maxLength: 6,
    },
  )
  .map((words) => words.join(' '));
const value = fc.array(line, { minLength: 1, maxLength: 12 }).map((lines) => `${lines.join('\n')}\n`);

const asLiteral = (text: string): string =>
  `a: 1\ndata:\n  Corefile: |2\n${text
    .split('\n')
    .slice(0, -1)
    .map((one) => (one === '' ? '' : `    ${one}`))
    .join('\n')}\n`;

const writers = {
  'a literal block': asLiteral,
  'a literal block with CRLF': (text: string) => asLiteral(text).replaceAll('\n', '\r\n'),
  JSON: (text: string) => `${JSON.stringify({ a: 1, data: { Corefile: text } }, null, 4)}\n`,
  'JSON in one line': (text: string) => JSON.stringify({ data: { Corefile: text } }),
  'single quotes': (text: string) =>
    `data:\n  Corefile: '${text.replaceAll("'", "''").replaceAll('\n', '\n\n    ')}'\n`,
  'what a writer of YAML takes': (text: string) => dump({ data: { Corefile: text } }),
  'what it takes for short lines': (text: string) => dump({ data: { Corefile: text } }, { lineWidth: 20 }),
};

/** Offsets of the value that the parser has read, and how many of its characters stand where they are said to. */
const read = (file: string) => {
  const { documents, faults } = parseYaml('x.yaml', file);
  expect(faults).toEqual([]);
  const [document] = documents;
  const { data } = document?.value as { readonly data: { readonly Corefile: string } };
  const written = document?.scalar(['data', 'Corefile']);
  if (!written) throw new Error('no scalar');
  return { text: data.Corefile, style: written.style, offsets: scalarOffsets(file, written, data.Corefile) };
};

describe('offsets of a text in YAML', () => {
  it.each(Object.entries(writers))('lead to its characters in %s', (_, write) => {
    fc.assert(
      fc.property(value, (text) => {
        const file = write(text);
        const { text: parsed, style, offsets } = read(file);
        if (style === 'folded') return;
        expect(offsets).not.toBeNull();
        for (const { 0: char, index } of parsed.matchAll(/[a-z.{}#é]/g))
          expect(file[offsets?.[index] as number]).toBe(char);
      }),
      { numRuns: 60 },
    );
  });

  it('are not told for a folded block', () => {
    expect(read('data:\n  Corefile: >\n    a\n    b\n').offsets).toBeNull();
  });

  it('lead to the characters of a text that kubectl has broken into lines of 80', () => {
    const file =
      'data:\n  Corefile: ".:53 {\\n    errors \\n    health {\\n       lameduck 5s\\n    }\\n    ready\n    \\n\\n    kubernetes\n    \\ cluster.local {\\n       pods insecure\\n    }\\n}\\n"\n';
    const { text, offsets } = read(file);
    expect(text).toContain('\n    ready \n\n    kubernetes  cluster.local {\n');
    for (const word of ['errors', 'kubernetes', 'cluster.local', 'pods'])
      expect(file.slice(offsets?.[text.indexOf(word)]).startsWith(word)).toBe(true);
  });

  it('know the escapes of YAML', () => {
    const file = 'data:\n  Corefile: "a\\x41\\u0042\\U00000043\\t\\\\\\"\\/\\e\\\n     \\  d"\n';
    const { text, offsets } = read(file);
    expect(text).toBe('aABC\t\\"/\x1b  d');
    expect(file[offsets?.[text.indexOf('d')] as number]).toBe('d');
  });
});
