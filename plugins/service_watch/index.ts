import { definePlugin } from '#plugin/index.ts';
import { ServiceWatchInstance } from './instance.ts';
import { OPTION_NAMES, readOptions } from './options.ts';

/** Watches a cluster's Services, so that a cache in front of it drops replies to names that have changed. */
export default definePlugin({
  name: 'service_watch',
  isRepeatable: true,
  isOnce: true,
  options: OPTION_NAMES,
  setup: (context) => new ServiceWatchInstance(readOptions(context), context.services),
});
