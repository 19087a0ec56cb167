import debug from '#plugins/debug/index.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { replaySetup } from '../setup-rows.ts';

const adapter: Adapter = {
  files: ['debug.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) =>
        replaySetup(
          debug,
          { name: `${test} ${i}`, stanza: String(row.input), isRefused: row.shouldErr === true },
          ({ block }) => [block.settings.isDebug, row.expectedDebug],
        ),
      ),
    ),
};
export default adapter;
