import { defineConfig } from 'vitest/config';

/** Where a run is to leave its totals for `.ci/run`. */
const report = process.env.TEST_REPORT;
/** Seconds that each property is to run, test/support/property-runs.ts; a test may have several. */
const propertySeconds = Number(process.env.PROPERTY_SECONDS ?? 0);

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'plugins/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: ['test/root/**', 'test/charts/**', 'test/image/**', 'node_modules/**'],
    reporters: report ? ['default', 'json'] : ['default'],
    ...(report ? { outputFile: { json: report } } : {}),
    testTimeout: 30_000 + propertySeconds * 3000,
    setupFiles: propertySeconds > 0 ? ['test/support/property-runs.ts'] : [],
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
