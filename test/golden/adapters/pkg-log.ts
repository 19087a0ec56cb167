import { type Adapter, tablesOf } from '../adapter.ts';
import { passedOver } from '../setup-rows.ts';

const adapter: Adapter = {
  files: ['pkg-log.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) =>
        passedOver(`${test} ${i}: ${String(row)}`, 'names in a list of callbacks within the Go program'),
      ),
    ),
};
export default adapter;
