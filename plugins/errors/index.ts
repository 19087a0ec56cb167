import { definePlugin } from '#plugin/index.ts';
import { ErrorLog } from './error-log.ts';
import { readOptions } from './options.ts';

/** Logs the errors that queries end in, alike ones together. */
export default definePlugin({
  name: 'errors',
  isOnce: true,
  // A reply with an error is forbidden in the layer; one without passes as if there were no layer.
  isRepeatable: true,
  options: ['stacktrace', 'consolidate'],
  setup({ directive, block, faults, services }) {
    const options = readOptions(directive, faults);
    block.settings.isStackLogged = options.isStackLogged;
    const errors = new ErrorLog(options.patterns, services.log.plugin('errors'));
    return {
      handle: (query, next) => {
        const reply = next(query);
        if (reply instanceof Promise)
          return reply.then((settled) => {
            errors.see(query, settled);
            return settled;
          });
        errors.see(query, reply);
        return reply;
      },
      stop: () => errors.stop(),
    };
  },
});
