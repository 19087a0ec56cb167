import type { PluginDefinition } from '#plugin/index.ts';
import { setupPlugin, type TestSetup } from '#plugin/testing.ts';
import type { Outcome } from './adapter.ts';

/** A row as pass or fail: what was found against what was expected, compared as JSON. */
export const compared = (name: string, found: unknown, expected: unknown): Outcome => {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  return left === right
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${left}, expected ${right}` };
};

/** A row that was passed over; `reason` stands in not-applicable.md. */
export const passedOver = (name: string, reason: string): Outcome => ({ name, result: 'not-applicable', reason });

/** Sets a plugin up with the stanza of a row and compares whether it is refused; `check` looks further at one that is not. */
export const replaySetup = (
  definition: PluginDefinition,
  row: { readonly name: string; readonly stanza: string; readonly isRefused: boolean },
  check?: (setup: TestSetup) => readonly [found: unknown, expected: unknown],
): Outcome => {
  const name = `${row.name}: ${JSON.stringify(row.stanza)}`;
  const setup = setupPlugin(definition, row.stanza);
  const faults = setup.faults.list.map(({ message }) => message);
  if (faults.length > 0 !== row.isRefused)
    return { name, result: 'fail', reason: `found faults ${JSON.stringify(faults)}, shouldErr ${row.isRefused}` };
  if (row.isRefused || check === undefined) return { name, result: 'pass' };
  return compared(name, ...check(setup));
};
