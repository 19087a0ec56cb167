import type { PluginDefinition } from '#plugin/index.ts';
import { setupPlugin, type TestSetup } from '#plugin/testing.ts';
import { type Outcome, tablesOf } from './adapter.ts';

/** A row of a table. A table may be a list of anything, or an object whose entries are `[key, value]` here. */
export type Row = Readonly<Record<string, unknown>>;

/** What differs, null where nothing does, or why the row is passed over. */
export type Verdict = string | null | { readonly notApplicable: string };

/** Runs one row. */
export type RowCheck<R = Row> = (row: R, index: number) => Verdict | Promise<Verdict>;

/** Runs the rows of all tables, each by the check of its test's name. */
export const replayTables = async (
  file: string,
  data: unknown,
  checks: Readonly<Record<string, RowCheck<never>>>,
): Promise<Outcome[]> => {
  const outcomes: Outcome[] = [];
  for (const { test, line, cases } of tablesOf(data)) {
    const check = checks[test] as RowCheck<unknown> | undefined;
    const rows: unknown[] = Array.isArray(cases) ? cases : Object.entries(cases);
    for (const [index, row] of rows.entries()) {
      const name = `${file} ${test}:${line} row ${index}`;
      outcomes.push(
        toOutcome(name, check === undefined ? 'no check for this table' : await verdictOf(check, row, index)),
      );
    }
  }
  return outcomes;
};

const verdictOf = async (check: RowCheck<unknown>, row: unknown, index: number): Promise<Verdict> => {
  try {
    return await check(row, index);
  } catch (error) {
    return String(error);
  }
};

const toOutcome = (name: string, verdict: Verdict): Outcome => {
  if (verdict === null) return { name, result: 'pass' };
  return typeof verdict === 'string'
    ? { name, result: 'fail', reason: verdict }
    : { name, result: 'not-applicable', reason: verdict.notApplicable };
};

/** Null where both are the same as JSON, else what differs. */
export const differs = (found: unknown, expected: unknown): string | null => {
  const [foundText, expectedText] = [JSON.stringify(found), JSON.stringify(expected)];
  return foundText === expectedText ? null : `found ${foundText}, expected ${expectedText}`;
};

/** Sets a plugin up and compares whether it was refused, and that the fault has this text in it. */
export const checkSetup = (
  definition: PluginDefinition,
  stanza: string,
  shouldErr: boolean,
  content = '',
): Verdict | TestSetup => {
  const setup = setupPlugin(definition, stanza, { zones: ['.'] });
  const messages = setup.faults.list.map(({ message }) => message);
  if (shouldErr !== messages.length > 0)
    return `found ${messages.join('; ') || 'no fault'}, expected ${shouldErr ? 'one' : 'none'}`;
  if (shouldErr && !messages.some((message) => message.includes(content)))
    return `found ${messages.join('; ')}, expected ${content}`;
  return shouldErr ? null : setup;
};
