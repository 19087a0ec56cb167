import { tokenize } from '#corefile/lexer.ts';
import { parseCorefile } from '#corefile/parser.ts';
import type { Block, Fault, Token } from '#corefile/tree.ts';
import type { Adapter, Outcome } from '../adapter.ts';

interface Word {
  readonly line: number;
  readonly text: string;
}

interface Row {
  readonly input: string;
  readonly tokens: readonly Word[] | null;
  readonly blocks:
    | readonly { readonly keys: readonly string[]; readonly tokens: Record<string, readonly Word[]> }[]
    | null;
  readonly error?: string;
}

const env = { FOOBAR: 'foobar', PORT: '1053', EMPTYV: '', SPACED: 'a b' };

const wordOf = ({ line, text }: Token): Word => ({ line, text });

const blockOf = (block: Block): unknown => ({
  keys: block.keys.map(({ text }) => text),
  tokens: Object.fromEntries(
    block.directives.map(({ name, occurrences }) => [name, occurrences.flatMap(({ tokens }) => tokens.map(wordOf))]),
  ),
});

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

const textOf = ({ token, message }: Fault): string => `${token?.file}:${token?.line} - ${message}`;

const replayRow = (row: Row, index: number): Outcome => {
  const name = `row ${index}: ${JSON.stringify(row.input)}`;
  const tokens = tokenize('Corefile', row.input).map(wordOf);
  const { corefile, faults } = parseCorefile({ file: 'Corefile', text: row.input }, { env });
  const problems: string[] = [];
  const compare = (what: string, found: unknown, expected: unknown): void => {
    if (sorted(found) !== sorted(expected))
      problems.push(`${what}: found ${sorted(found)}, expected ${sorted(expected)}`);
  };
  compare('tokens', tokens, row.tokens ?? []);
  compare('first fault', faults.list.map(textOf)[0] ?? null, row.error ?? null);
  if (row.error === undefined) compare('blocks', corefile.blocks.map(blockOf), row.blocks ?? []);
  return problems.length === 0 ? { name, result: 'pass' } : { name, result: 'fail', reason: problems.join('; ') };
};

const adapter: Adapter = {
  files: ['corefile-lexer-parser.json'],
  replay: async (_file, data) => (data as { readonly cases: readonly Row[] }).cases.map(replayRow),
};
export default adapter;
