import { parseCorefile } from '#corefile/parser.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import ready from '#plugins/ready/index.ts';
import { readOptions } from '#plugins/ready/options.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { replaySetup } from '../setup-rows.ts';

const optionsOf = (stanza: string): unknown => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  const { address, isContinuous } = readOptions(corefile.blocks[0]?.directives[0] as Directive, new Faults());
  return { address, monitor: isContinuous ? 'continuously' : 'until-ready' };
};

const adapter: Adapter = {
  files: ['ready-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) =>
        replaySetup(
          ready,
          { name: `${test} ${i}`, stanza: String(row.input), isRefused: row.shouldErr === true },
          () => [optionsOf(String(row.input)), { address: row.expectedAddr, monitor: row.expectedMonitorType }],
        ),
      ),
    ),
};
export default adapter;
