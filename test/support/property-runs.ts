/**
 * How long property tests run. `PROPERTY_SECONDS=30 npx vitest run src/dns` gives each property that says `runs(...)`, and each that says
 * nothing, so many seconds in place of a number of runs.
 */
import fc from 'fast-check';

const seconds = Number(process.env.PROPERTY_SECONDS ?? 0);
const long = { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000 };

/** Parameters of `fc.assert`: so many runs, or as many as the time allows where one is given. */
export const runs = (count: number): { readonly numRuns: number; readonly interruptAfterTimeLimit?: number } =>
  seconds > 0 ? long : { numRuns: count };

if (seconds > 0) fc.configureGlobal(long);
