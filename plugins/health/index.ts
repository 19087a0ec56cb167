import { definePlugin } from '#plugin/index.ts';
import { Health } from './health.ts';
import { readOptions } from './options.ts';

/** Says over HTTP that the process lives, and keeps answering for a while when it is told to end. */
export default definePlugin({
  name: 'health',
  options: ['lameduck'],
  setup({ directive, faults, services }) {
    const health = new Health(readOptions(directive, faults), services);
    return {
      start: () => health.start(),
      serving: () => health.poll(),
      lameduck: () => health.lameduck(),
      stop: () => health.stop(),
    };
  },
});
