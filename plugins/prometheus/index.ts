import { definePlugin } from '#plugin/index.ts';
import { MetricsEndpoint } from './metrics-endpoint.ts';
import { readOptions } from './options.ts';
import { pluginAfter, Traffic } from './traffic.ts';

/** Counts queries and replies, and exposes all metrics of the process over HTTP. */
export default definePlugin({
  name: 'prometheus',
  isOnce: true,
  // A repeated reply is counted by the tally that the layer leaves in the provenance.
  isRepeatable: true,
  options: ['runtime_metrics', 'tls'],
  setup({ directive, block, faults, services }) {
    const options = readOptions(directive, faults);
    const endpoint = new MetricsEndpoint(options, block, services);
    const traffic = new Traffic(services);
    return {
      handle: (query, next) => traffic.handle(query, next),
      start: () => {
        traffic.nextPlugin = pluginAfter('prometheus', block);
        return endpoint.start();
      },
      stop: () => endpoint.stop(),
    };
  },
});
