/** `cache`: its directive. */
import { parseCorefile } from '#corefile/parser.ts';
import { readDurationMs } from '#corefile/readers.ts';
import { type Directive, Faults } from '#corefile/tree.ts';
import { textFromName } from '#dns/name.ts';
import definition from '#plugins/cache/index.ts';
import { type CacheOptions, readOptions } from '#plugins/cache/options.ts';
import type { Adapter } from '../adapter.ts';
import { checkSetup, differs, type Row, replayTables, type Verdict } from '../row-checks.ts';

const optionsOf = (stanza: string): CacheOptions => {
  const { corefile } = parseCorefile({ file: 'Corefile', text: `. {\n${stanza}\n}\n` });
  return readOptions(corefile.blocks[0]?.directives[0] as Directive, [], new Faults());
};

/** Sets the row's stanza up and, where it is accepted, compares what was read. */
const check =
  (found: (options: CacheOptions) => readonly unknown[], expected: (row: Row) => readonly unknown[]) =>
  (row: Row): Verdict => {
    const input = row.input as string;
    const stanza = /^cache\b/.test(input) ? input : `cache {\n${input}\n}`;
    const verdict = checkSetup(definition, stanza, row.shouldErr as boolean);
    if (verdict === null || typeof verdict === 'string' || 'notApplicable' in verdict) return verdict;
    return differs(found(optionsOf(stanza)), expected(row));
  };

const ms = (text: unknown): number | null => readDurationMs(text as string);

const checks = {
  TestDisable: check(
    ({ denial, success }) => [denial.disabledZones.map(textFromName), success.disabledZones.map(textFromName)],
    ({ nexcept, pexcept }) => [nexcept, pexcept],
  ),
  TestKeepttl: check(
    ({ isTtlKept }) => [isTtlKept],
    () => [true],
  ),
  TestServeStale: check(
    ({ stale }) => [stale.upToMs, stale.isVerified, stale.verifyTimeoutMs, stale.ttlSeconds * 1000],
    (row) => [ms(row.staleUpTo), row.verifyStale, ms(row.verifyStaleTimeout), ms(row.staleTTL)],
  ),
  TestServeStaleFailureRecheck: check(
    ({ stale }) => [stale.recheckMs],
    ({ wantRecheck }) => [ms(wantRecheck)],
  ),
  TestServeStalePolicy: check(
    ({ stale }) => [stale.isPositivePreferred],
    ({ preferPositive }) => [preferPositive],
  ),
  TestServfail: check(
    ({ servfailMs }) => [servfailMs],
    ({ failttl }) => [ms(failttl)],
  ),
  TestSetup: check(
    ({ success, denial, prefetch }) => [
      denial.capacity,
      success.capacity,
      denial.maxTtlMs,
      denial.minTtlMs,
      success.maxTtlMs,
      success.minTtlMs,
      prefetch.amount,
    ],
    (row) => [
      row.expectedNcap,
      row.expectedPcap,
      ms(row.expectedNttl),
      ms(row.expectedMinNttl),
      ms(row.expectedPttl),
      ms(row.expectedMinPttl),
      row.expectedPrefetch,
    ],
  ),
};

const adapter: Adapter = {
  files: ['cache-setup.json'],
  replay: (file, data) => replayTables(file, data, checks),
};
export default adapter;
