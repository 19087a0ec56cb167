import { definePlugin } from '#plugin/index.ts';
import { LoadBalance } from './load-balance.ts';
import { readOptions } from './options.ts';
import { WeightFile } from './weight-file.ts';

/** Puts the address and MX records of a reply in a new order. */
export default definePlugin({
  name: 'loadbalance',
  // Plain round robin is repeated by whoever repeats the reply (`isRotated`); the other orders forbid it themselves.
  isRepeatable: true,
  options: ['reload', 'prefer'],
  setup({ directive, faults, services }) {
    const options = readOptions(directive, faults);
    const { weights } = options;
    const file = weights === null ? null : new WeightFile(weights, services.log.plugin('loadbalance'));
    const balance = new LoadBalance(options, file, services.random);
    return {
      handle: (query, next) => balance.handle(query, next),
      start: () => file?.start(),
      stop: () => file?.stop(),
    };
  },
});
