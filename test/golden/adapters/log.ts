import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { textFromName } from '#dns/name.ts';
import { Log } from '#log/log.ts';
import { Answer, failure } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import log from '#plugins/log/index.ts';
import { type LogRule, readRules } from '#plugins/log/rules.ts';
import { type Adapter, type Outcome, tablesOf } from '../adapter.ts';
import { compared, replaySetup } from '../setup-rows.ts';

interface GoRule {
  readonly NameScope: string;
  readonly Class: Readonly<Record<string, unknown>>;
  readonly Format: string;
}
type Row = Readonly<Record<string, unknown>>;

const goRule = ({ zone, classes, format }: LogRule): GoRule => ({
  NameScope: textFromName(zone),
  Class: Object.fromEntries([...(classes ?? ['all'])].map((name) => [name, {}])),
  Format: format,
});

const rulesOf = (stanza: string): LogRule[] => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  return readRules(corefile.blocks[0]?.directives[0] as Directive, new Faults());
};

const stanzaOf = ({ NameScope, Class, Format }: GoRule): string =>
  `log ${NameScope} "${Format.replaceAll('"', '\\"')}" {\n class ${Object.keys(Class).join(' ')}\n}`;

/** Lines that a layer with this stanza writes for one query. */
const linesFor = (stanza: string, name: string, type: string, reply: Answer): string[] => {
  const sink = new RecordingSink();
  const { instance } = setupPlugin(log, stanza, { services: testServices({ log: new Log(sink) }) });
  instance?.handle?.(testQuery(name, type), () => reply);
  return sink.lines;
};

const logged = (row: Row, name: string): Outcome => {
  const stanza = (row.Rules as GoRule[]).map(stanzaOf).join('\n');
  const [line] = linesFor(stanza, String(row.Domain), 'A', failure(2));
  const shouldNot = String(row.ShouldNOTString);
  const found = {
    isLogged: line !== undefined,
    has: line === undefined || line.includes(String(row.ShouldString)),
    hasNot: shouldNot === '' || line?.includes(shouldNot) !== true,
  };
  return compared(name, found, { isLogged: row.ShouldLog, has: true, hasNot: true });
};

const nameErrorClass = (row: Row, name: string): Outcome => {
  const className = ['all', 'success', 'denial', 'error'][Number(row.class)];
  const lines = linesFor(`log {\n class ${className}\n}`, '1.1.168.192.in-addr.arpa.', 'PTR', new Answer({ rcode: 3 }));
  const isRight = lines.every((line) => line.includes('NXDOMAIN'));
  return compared(name, { isLogged: lines.length === 1, isRight }, { isLogged: row.shouldLog, isRight: true });
};

const parsed = (row: Row, name: string): Outcome => {
  const stanza = String(row.inputLogRules);
  return replaySetup(log, { name, stanza, isRefused: row.shouldErr === true }, () => [
    rulesOf(stanza).map(goRule),
    row.expectedLogRules,
  ]);
};

const ROWS: Readonly<Record<string, (row: Row, name: string) => Outcome>> = {
  TestLogged: logged,
  TestLoggedClassNameErrorWithoutSOA: nameErrorClass,
  TestLogParse: parsed,
};

const adapter: Adapter = {
  files: ['log.json', 'log-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map(
        (row, i): Outcome =>
          ROWS[test]?.(row, `${test} ${i}`) ?? { name: `${test} ${i}`, result: 'fail', reason: 'an unknown table' },
      ),
    ),
};
export default adapter;
