import { wireNameFromText } from '#dns/name.ts';
import { type Answer, DROP, Answer as NewAnswer, type Query, type Reply } from '#plugin/index.ts';
import { testQuery } from '#plugin/testing.ts';
import { compileFormat, type FormatNode, LABELS, parseFormat } from '#plugins/log/format.ts';
import { type Adapter, type Outcome, tablesOf } from '../adapter.ts';
import { compared } from '../setup-rows.ts';

type Row = Readonly<Record<string, unknown>>;

const GO_KIND: readonly FormatNode['kind'][] = ['label', 'literal', 'metadata'];
const METADATA: Readonly<Record<string, string>> = { 'test/meta2': 'two', 'test/meta3': 'three' };

/** The query of the Go test: HINFO with ID 1053, AD and CD. */
const query = (): Query => {
  const made = testQuery('example.org.', 'HINFO', { isAuthenticData: true, isCheckingDisabled: true });
  return made.with({
    request: {
      ...made.request,
      id: 1053,
      question: { ...made.request.question, name: wireNameFromText('example.org.') },
    },
  });
};

const write = (format: string, reply: Reply | null): string =>
  compileFormat(
    format,
    (_query, name) => METADATA[name] ?? null,
  )({
    query: query(),
    reply: reply?.kind === 'drop' ? null : reply,
    durationMs: 1,
  });

const REPLY: Answer = new NewAnswer({ isAuthenticData: true });

const joined = (nodes: readonly FormatNode[]): string =>
  nodes.map(({ kind, value }) => (kind === 'metadata' ? `{/${value}}` : value)).join('');

/** A label and its text, as the table has them. The Go test writes the query as its own reply, so that has no QR; ours always has. */
const labelRow = (row: Row | string, reply: Reply): readonly [unknown, unknown] => {
  const { label, text } = row as { label: string; text: string };
  const found = write(label, reply).replace(/^qr,/, '');
  const isTime = label === '{duration}';
  return [
    { isKnown: LABELS.includes(label), text: isTime ? found.endsWith('s') : found },
    { isKnown: true, text: isTime ? true : text },
  ];
};

/** Rows of a table; one that is a mapping has a label and its text in each. */
const rowsOf = (cases: unknown): readonly (Row | string)[] =>
  Array.isArray(cases) ? cases : Object.entries(cases as Row).map(([label, text]) => ({ label, text }));

const ROWS: Readonly<Record<string, (row: Row | string) => readonly [found: unknown, expected: unknown]>> = {
  TestLabels: (row) => labelRow(row, REPLY),
  TestNoResponseWasWritten: (row) => labelRow(row, DROP),
  TestMetadataMalformed: (row) => metadataRow(row as Row),
  TestMetadataReplacement: (row) => metadataRow(row as Row),
  TestParseFormat: (row) => {
    const { Format, Expected } = row as { Format: string; Expected: { value: string; typ: number }[] };
    return [parseFormat(Format), Expected.map(({ value, typ }) => ({ kind: GO_KIND[typ], value }))];
  },
  TestParseFormatNodes: (row) => [joined(parseFormat(String(row))), row],
};

const metadataRow = ({ expr, result }: Row): readonly [unknown, unknown] => [write(String(expr), null), result];

const adapter: Adapter = {
  files: ['pkg-replacer.json', 'pkg-replacer-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      rowsOf(cases).map((row, i): Outcome => {
        const name = `${test} ${i}: ${JSON.stringify(row)}`;
        const check = ROWS[test];
        if (check === undefined) return { name, result: 'fail', reason: 'a table that no code here knows' };
        return compared(name, ...check(row));
      }),
    ),
};
export default adapter;
