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

/** The values of the Go test's query. The table has the labels only. */
const COMMON: Readonly<Record<string, string>> = {
  '{type}': 'HINFO',
  '{name}': 'example.org.',
  '{class}': 'IN',
  '{proto}': 'udp',
  '{size}': '29',
  '{remote}': '10.240.0.1',
  '{port}': '40212',
  '{local}': '127.0.0.1',
  '{>id}': '1053',
  '{>opcode}': '0',
  '{>do}': 'false',
  '{>bufsize}': '512',
  '{duration}': '0.001s',
};
/** The Go test writes the query as its own reply, so that has no QR; a reply of ours always has. */
const ANSWERED = { '{rcode}': 'NOERROR', '{rsize}': '29', '{>rflags}': 'qr,rd,ad,cd' };
const UNANSWERED = { '{rcode}': '-', '{rsize}': '0', '{>rflags}': '-' };
const REPLY: Answer = new NewAnswer({ isAuthenticData: true });

const joined = (nodes: readonly FormatNode[]): string =>
  nodes.map(({ kind, value }) => (kind === 'metadata' ? `{/${value}}` : value)).join('');

const labelRow = (
  label: string,
  reply: Reply,
  further: Readonly<Record<string, string>>,
): readonly [unknown, unknown] => [
  { isKnown: LABELS.includes(label), text: write(label, reply) },
  { isKnown: true, text: { ...COMMON, ...further }[label] },
];

/** Rows of a table; of a mapping, its keys. */
const rowsOf = (cases: unknown): readonly (Row | string)[] =>
  Array.isArray(cases) ? cases : Object.keys(cases as Row);

const ROWS: Readonly<Record<string, (row: Row | string) => readonly [found: unknown, expected: unknown]>> = {
  TestLabels: (row) => labelRow(String(row), REPLY, ANSWERED),
  TestNoResponseWasWritten: (row) => labelRow(String(row), DROP, UNANSWERED),
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
