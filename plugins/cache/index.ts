import { definePlugin, type Lease, type Services } from '#plugin/index.ts';
import { Cache } from './cache.ts';
import { CacheMemory } from './cache-memory.ts';
import { CacheMetrics, followMemory } from './metrics.ts';
import { readOptions } from './options.ts';

/** Keeps replies and answers from them. */
export default definePlugin({
  name: 'cache',
  isOnce: true,
  // A hit says in the provenance until when it may be repeated; a miss forbids it.
  isRepeatable: true,
  options: [
    'success',
    'denial',
    'prefetch',
    'serve_stale',
    'serve_stale_policy',
    'servfail',
    'disable',
    'keepttl',
    'memory',
  ],
  setup({ directive, block, faults, services }) {
    const options = readOptions(directive, block.zones, faults);
    if (options.memoryOctets !== null) block.settings.answerMemoryOctets = options.memoryOctets / 2;
    const cache = new Cache(options, new CacheMetrics(services.metrics, options.zones), {
      generations: services.generations,
      clock: services.clock,
      random: services.random,
    });
    let lease: Lease<CacheMemory> | null = null;
    let endSharing = (): void => undefined;
    return {
      handle: (query, next) => cache.handle(query, next),
      start() {
        lease = services.shared.claim('cache memory', () => openMemory(services));
        endSharing = cache.share(lease.value);
      },
      async stop() {
        endSharing();
        await lease?.release();
      },
    };
  },
});

const openMemory = ({ metrics, random }: Services): CacheMemory => {
  const memory = new CacheMemory(random);
  followMemory(metrics, memory);
  return memory;
};
