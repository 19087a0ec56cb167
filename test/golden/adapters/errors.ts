import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { Log, type LogLevel } from '#log/log.ts';
import { Answer, failure, type Reply } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import errors from '#plugins/errors/index.ts';
import { readOptions } from '#plugins/errors/options.ts';
import { type Adapter, type Outcome, type Table, tablesOf } from '../adapter.ts';
import { compared, replaySetup } from '../setup-rows.ts';

type Row = Readonly<Record<string, unknown>>;

/** A layer with its log; what it logs is read as CoreDNS's lines. */
const start = (stanza: string) => {
  const sink = new RecordingSink();
  const { instance } = setupPlugin(errors, stanza, { services: testServices({ log: new Log(sink) }) });
  const see = (reply: Reply): unknown => instance?.handle?.(testQuery('example.org.', 'A'), () => reply);
  const lines = (): string[] =>
    sink.lines.map((line) => line.replace(/^(\w+) /, (_all, level: LogLevel) => `[${level.toUpperCase()}] `));
  return { see, lines, stop: () => instance?.stop?.() };
};

const optionsOf = (stanza: string) => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  return readOptions(corefile.blocks[0]?.directives[0] as Directive, new Faults());
};

const FAIL = failure(2, new Error('error x!'));

const ROWS: Readonly<Record<string, (row: Row, name: string) => Promise<Outcome> | Outcome>> = {
  TestErrors: (row, name) => {
    const { see, lines } = start('errors');
    const code = Number(row.expectedCode);
    const reply = typeof row.expectedErr === 'string' ? failure(code, new Error(row.expectedErr)) : new Answer({});
    const isSame = see(reply) === reply;
    const expected = row.expectedLog === '' ? [] : [`[ERROR] plugin/errors: ${String(row.expectedLog).trim()}`];
    return compared(name, { isSame, lines: lines() }, { isSame: true, lines: expected });
  },
  TestLogPattern: async (row, name) => {
    const level = /\[(\w+)\]/.exec(String(row.want))?.[1]?.toLowerCase();
    const { see, lines, stop } = start(`errors {\n consolidate 2s "^error.*!$" ${level}\n}`);
    for (let i = 0; i < 4; i++) see(FAIL);
    await stop();
    return compared(name, lines(), [row.want]);
  },
  TestShowFirst: async (row, name) => {
    const { see, lines, stop } = start('errors {\n consolidate 2s "^error.*!$" show_first\n}');
    for (let i = 0; i < Number(row.errorCount); i++) see(FAIL);
    await stop();
    const expected = ['[ERROR] plugin/errors: 2 example.org. A: error x!'];
    if (row.shouldHaveSummary === true) expected.push(`[ERROR] plugin/errors: ${row.expectSummary}`);
    return compared(name, lines(), expected);
  },
  TestErrorsParse: (row, name) =>
    replaySetup(
      errors,
      { name, stanza: String(row.inputErrorsRules), isRefused: row.shouldErr === true },
      ({ block }) => [
        { count: optionsOf(String(row.inputErrorsRules)).patterns.length, stack: block.settings.isStackLogged },
        { count: row.optCount, stack: row.stacktrace },
      ],
    ),
  TestProperLogCallbackIsSet: (row, name) => levelRow(row, name, {}),
  TestShowFirstOption: (row, name) => levelRow(row, name, { isFirstShown: row.wantShowFirst }),
};

const levelRow = (row: Row, name: string, further: object): Outcome => {
  const [pattern] = optionsOf(String(row.inputErrorsRules)).patterns;
  const found = { level: `[${pattern?.level.toUpperCase()}]`, isFirstShown: pattern?.isFirstShown };
  return compared(name, found, { level: row.wantLogLevel, isFirstShown: found.isFirstShown, ...further });
};

const replayTable = ({ test, cases }: Table): Promise<Outcome[]> =>
  Promise.all(
    cases.map(async (row, i) => {
      const name = `${test} ${i}`;
      return (await ROWS[test]?.(row, name)) ?? { name, result: 'fail', reason: 'a table that no code here knows' };
    }),
  );

const adapter: Adapter = {
  files: ['errors.json', 'errors-setup.json'],
  replay: async (_file, data) => (await Promise.all(tablesOf(data).map(replayTable))).flat(),
};
export default adapter;
