import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/**
 * What needs root, network name spaces, system packages or minutes: a real API server, real clients, Helm, Prometheus, an image that is
 * built. One file at a time, as some measure; `npm run test:charts` takes two of those that do not.
 */
const config = mergeConfig(
  base,
  defineConfig({ test: { fileParallelism: false, testTimeout: 120_000, hookTimeout: 600_000 } }),
);
config.test = {
  ...config.test,
  include: ['test/root/**/*.test.ts', 'test/charts/**/*.test.ts', 'test/image/**/*.test.ts'],
  exclude: ['node_modules/**'],
};

export default config;
