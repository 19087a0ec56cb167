import { definePlugin } from '#plugin/index.ts';
import { Cache } from './cache.ts';
import { CacheMetrics } from './metrics.ts';
import { readOptions } from './options.ts';

/** Keeps replies and answers from them. */
export default definePlugin({
  name: 'cache',
  isOnce: true,
  // A hit says in the provenance until when it may be repeated; a miss forbids it.
  isRepeatable: true,
  options: ['success', 'denial', 'prefetch', 'serve_stale', 'serve_stale_policy', 'servfail', 'disable', 'keepttl'],
  setup({ directive, block, faults, services }) {
    const options = readOptions(directive, block.zones, faults);
    const cache = new Cache(options, new CacheMetrics(services.metrics, options.zones), {
      generations: services.generations,
      clock: services.clock,
      random: services.random,
    });
    return { handle: (query, next) => cache.handle(query, next) };
  },
});
