import { definePlugin } from '#plugin/index.ts';
import { readOptions } from './options.ts';
import { Watcher } from './watcher.ts';

/** Looks at the Corefile now and then, and has the server reload it when it has changed. It sees no queries. */
export default definePlugin({
  name: 'reload',
  setup({ directive, block, faults, services }) {
    const watcher = new Watcher(readOptions(directive, faults), block, services);
    return {
      serving: () => watcher.start(),
      stop: () => watcher.stop(),
    };
  },
});
