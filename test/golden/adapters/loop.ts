import { ROOT, textFromName } from '#dns/name.ts';
import { zonesFromText } from '#plugin/index.ts';
import { setupPlugin, testServices } from '#plugin/testing.ts';
import loop from '#plugins/loop/index.ts';
import { LoopGuard } from '#plugins/loop/loop-guard.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { compared, passedOver } from '../setup-rows.ts';

const adapter: Adapter = {
  files: ['loop-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) => {
        const [key, name] = [String(row.key), `${test} ${i}: ${String(row.name)}`];
        if (key === 'unix://') return passedOver(name, 'a key that is no zone is refused before any plugin sees it');
        const zones = key === '' ? [textFromName(ROOT)] : zonesFromText(key).map(textFromName);
        const { block, faults } = setupPlugin(loop, 'loop', { zones });
        const { zone } = new LoopGuard(block, testServices());
        return compared(
          name,
          { zone: textFromName(zone), isOk: faults.list.length === 0 },
          {
            zone: row.want,
            isOk: row.wantOk,
          },
        );
      }),
    ),
};
export default adapter;
