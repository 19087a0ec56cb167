/** Zones as plugins read them from words of a Corefile. */
import { Faults, type Token } from '#corefile/tree.ts';
import { isWithin, nameFromText, textFromName } from '#dns/name.ts';
import { zonesFromArgs, zonesFromText } from '#plugin/index.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables } from '../row-checks.ts';

const tokenOf = (text: string): Token => ({ text, file: 'Corefile', line: 1, column: 1, isQuoted: false, via: null });

/** The row of 10.9.3.0/18 holds the first of its 64 zones; as the Go test does, as many are compared as the row has. */
const checkHost: RowCheck<{ in: string; out: readonly string[] }> = ({ in: text, out }) => {
  const zones = zonesFromText(text).map(textFromName);
  return differs(out.length === 0 ? zones : zones.slice(0, out.length), out);
};

const checkMatches: RowCheck<{ child: string; parent: string; expected: boolean }> = ({ child, parent, expected }) =>
  differs(isWithin(nameFromText(child), nameFromText(parent)), expected);

const checkOrigins: RowCheck<{
  args: readonly string[];
  serverblock: readonly string[];
  expected: readonly string[];
}> = ({ args, serverblock, expected }) => {
  const block = serverblock.flatMap((key) => zonesFromText(key).slice(0, 1));
  if (args.length === 0 && block.length < serverblock.length)
    return { notApplicable: 'a key that is no zone is refused before any plugin sees it' };
  const zones = zonesFromArgs(args.map(tokenOf), block, new Faults()).map(textFromName);
  const utf8 = expected.map((zone) => textFromName(nameFromText(zone)));
  return differs(zones, utf8);
};

/** The table holds only what comes out. */
const checkNormalize: RowCheck<string> = (zone) =>
  differs([zone, zone.slice(0, -1), zone.toUpperCase()].flatMap(zonesFromText).map(textFromName), [zone, zone, zone]);

const adapter: Adapter = {
  files: ['plugin-core.json'],
  replay: (file, data) =>
    replayTables(file, data, {
      TestHostNormalizeExact: checkHost,
      TestNameMatches: checkMatches,
      TestOriginsFromArgsOrServerBlock: checkOrigins,
      TestZoneNormalize: checkNormalize,
    }),
};
export default adapter;
