import health from '#plugins/health/index.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { replaySetup } from '../setup-rows.ts';

const adapter: Adapter = {
  files: ['health-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map(({ input, shouldErr }, i) =>
        replaySetup(health, { name: `${test} ${i}`, stanza: String(input), isRefused: shouldErr === true }),
      ),
    ),
};
export default adapter;
