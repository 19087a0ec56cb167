import { definePlugin } from '#plugin/index.ts';
import { LoopGuard } from './loop-guard.ts';

/** Finds out at the start whether queries come back to this server, and ends the process then. */
export default definePlugin({
  name: 'loop',
  isOnce: true,
  // Only the probe's own name must be seen each time; the layer forbids that one.
  isRepeatable: true,
  setup({ directive, block, faults, services }) {
    const [occurrence] = directive.occurrences;
    const [extra] = occurrence?.args ?? [];
    if (extra !== undefined) faults.argument(extra);
    const guard = new LoopGuard(block, services);
    return {
      handle: (query, next) => guard.handle(query, next),
      serving: () => guard.start(),
      stop: () => guard.stop(),
    };
  },
});
