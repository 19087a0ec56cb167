import { readDurationMs } from '#corefile/readers.ts';
import { durationText } from '#log/duration-text.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { compared, passedOver } from '../setup-rows.ts';

const adapter: Adapter = {
  files: ['pkg-durations.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) => {
        const [arg, name] = [String(row.arg), `${test} ${i}: ${String(row.name)}`];
        if (/^\d+$/.test(arg))
          return passedOver(name, 'seconds without a unit belong to the timeouts plugin, which is not built yet');
        const ms = readDurationMs(arg);
        const found = { isRefused: ms === null, text: durationText(ms ?? 0) };
        return compared(name, found, { isRefused: row.wantErr, text: row.want });
      }),
    ),
};
export default adapter;
