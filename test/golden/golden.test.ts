/** Replays recorded behaviour from `../shared/golden`, where that is present. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Adapter, Outcome } from './adapter.ts';

const HERE = import.meta.dirname;
const GOLDEN = join(HERE, '../../../shared/golden');
/** Rows that must really have run and passed where all of the data is there. */
const LEAST_PASSES = 1_300;

/** The two tables of not-applicable.md: files that are not replayed, and reasons for which a row may be passed over. */
const readJustified = (): { files: Set<string>; reasons: Set<string> } => {
  const [files, reasons] = readFileSync(join(HERE, 'not-applicable.md'), 'utf8').split('## Rows');
  const rowsOf = (text = ''): string[][] =>
    [...text.matchAll(/^\| (`.+?`) \| (\S.*) \|$/gm)].map(([, cell]) => (cell as string).slice(1, -1).split('`, `'));
  const listed = [...rowsOf(files).flat(), ...rowsOf(reasons).flat()];
  const repeated = listed.filter((entry, index) => listed.indexOf(entry) !== index);
  if (repeated.length > 0) throw new Error(`not-applicable.md lists more than once: ${repeated.join(', ')}`);
  return { files: new Set(rowsOf(files).flat()), reasons: new Set(rowsOf(reasons).flat()) };
};

interface Adapters {
  readonly byFile: ReadonlyMap<string, readonly Adapter[]>;
  /** Modules that could not be imported, and why. */
  readonly broken: readonly string[];
}

const readAdapters = async (): Promise<Adapters> => {
  const byFile = new Map<string, Adapter[]>();
  const broken: string[] = [];
  for (const module of readdirSync(join(HERE, 'adapters')).sort()) {
    try {
      const { default: adapter } = (await import(join(HERE, 'adapters', module))) as { default: Adapter };
      for (const file of adapter.files) byFile.set(file, [...(byFile.get(file) ?? []), adapter]);
    } catch (error) {
      broken.push(`${module}: ${(error as Error).message}`);
    }
  }
  return { byFile, broken };
};

const pathOf = (file: string): string => join(GOLDEN, file.startsWith('spec/') ? file : join('coredns', file));

/** Data files that are there, as adapters name them. */
const presentFiles = (): string[] => [
  ...readdirSync(join(GOLDEN, 'coredns')).filter((file) => file !== 'README.md'),
  ...readdirSync(join(GOLDEN, 'spec'))
    .filter((file) => file !== 'README.md')
    .map((file) => `spec/${file}`),
];

const read = (file: string): unknown => {
  const text = readFileSync(pathOf(file), 'utf8');
  return file.endsWith('.json') ? JSON.parse(text) : text;
};

const countOf = (outcomes: readonly Outcome[], result: Outcome['result']): number =>
  outcomes.filter((outcome) => outcome.result === result).length;

/** Reasons with how often each was given. */
const reasonsOf = (outcomes: readonly Outcome[]): Map<string, number> => {
  const reasons = new Map<string, number>();
  for (const { result, reason = '(no reason)' } of outcomes)
    if (result === 'not-applicable') reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return reasons;
};

const printTable = (outcomes: ReadonlyMap<string, readonly Outcome[]>): void => {
  const lines: string[] = ['', `${'golden file'.padEnd(50)} pass  fail  n/a`];
  const row = (name: string, of: readonly Outcome[]): void => {
    const counts = (['pass', 'fail', 'not-applicable'] as const).map((result) =>
      String(countOf(of, result)).padStart(5),
    );
    lines.push(`${name.padEnd(49)}${counts.join(' ')}`);
  };
  for (const [file, of] of [...outcomes].sort()) {
    row(file, of);
    for (const [reason, count] of reasonsOf(of)) lines.push(`    n/a ${count}: ${reason}`);
  }
  row('total', [...outcomes.values()].flat());
  process.stdout.write(`${lines.join('\n')}\n`);
};

if (!existsSync(GOLDEN)) {
  process.stdout.write('golden replay skipped: ../shared/golden is not there\n');
  it.skip('golden replay: ../shared/golden is not there', () => undefined);
} else {
  const { byFile: adapters, broken } = await readAdapters();
  const justified = readJustified();
  const outcomes = new Map<string, Outcome[]>();
  const replayed = [...adapters.keys()].filter((file) => existsSync(pathOf(file))).sort();

  describe('golden', () => {
    afterAll(() => printTable(outcomes));

    it.each(replayed)('%s', { timeout: 180_000 }, async (file) => {
      const found: Outcome[] = [];
      outcomes.set(file, found);
      for (const adapter of adapters.get(file) ?? []) found.push(...(await adapter.replay(file, read(file))));
      expect(found.length).toBeGreaterThan(0);
      const failed = found.filter(({ result }) => result === 'fail');
      expect(failed.map(({ name, reason }) => `${name}: ${reason ?? ''}`)).toEqual([]);
      const unlisted = [...reasonsOf(found).keys()].filter((reason) => !justified.reasons.has(reason));
      expect(unlisted, 'reasons that not-applicable.md does not justify').toEqual([]);
    });

    it('imports every adapter', () => {
      expect(broken).toEqual([]);
    });

    it('has an adapter or a justification for every file', () => {
      const unclaimed = presentFiles().filter((file) => !adapters.has(file) && !justified.files.has(file));
      expect(unclaimed).toEqual([]);
      const both = [...adapters.keys()].filter((file) => justified.files.has(file));
      expect(both, 'files both replayed and justified as not replayed').toEqual([]);
    });

    it(`ran at least ${LEAST_PASSES} rows`, () => {
      // A run of chosen files (`vitest -t`) has nothing to say about the sum.
      if (outcomes.size < replayed.length) return;
      expect(countOf([...outcomes.values()].flat(), 'pass')).toBeGreaterThanOrEqual(LEAST_PASSES);
    });
  });
}
