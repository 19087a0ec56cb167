import { definePlugin } from '#plugin/index.ts';
import { readOptions } from './options.ts';
import { Ready } from './ready.ts';

/** Says over HTTP whether all plugins are ready to answer. */
export default definePlugin({
  name: 'ready',
  isOnce: true,
  options: ['monitor'],
  setup({ directive, block, faults, services }) {
    const ready = new Ready(readOptions(directive, faults), block, services);
    return {
      start: () => ready.start(),
      serving: () => ready.serving(),
      // CoreDNS closes the endpoint before it sleeps in lameduck mode, so that no new clients are sent here.
      lameduck: () => ready.stop(),
      stop: () => ready.stop(),
    };
  },
});
