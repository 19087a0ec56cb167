/** Prefixes as reverse zones. */
import { textFromName } from '#dns/name.ts';
import { reverseZonesOf } from '#dns/reverse.ts';
import type { Adapter } from '../adapter.ts';
import { differs, type RowCheck, replayTables } from '../row-checks.ts';

interface CidrRow {
  readonly in: string;
  /** Subnets on label boundaries. */
  readonly expected: readonly string[];
  readonly zones: readonly string[];
}

const zonesOf = (prefix: string): string[] => (reverseZonesOf(prefix) ?? []).map(textFromName);

const checkReverse: RowCheck<CidrRow> = ({ in: prefix, zones }) => differs(zonesOf(prefix), zones);

/** Subnets are not kept as such here: the zone of each must be the zone that the whole prefix gives at its place. */
const checkSplit: RowCheck<CidrRow> = ({ in: prefix, expected }) => differs(zonesOf(prefix), expected.flatMap(zonesOf));

const adapter: Adapter = {
  files: ['pkg-cidr.json'],
  replay: (file, data) => replayTables(file, data, { TestReverse: checkReverse, TestSplit: checkSplit }),
};
export default adapter;
