import { definePlugin } from '#plugin/index.ts';
import { readLimit } from './options.ts';

/** Bounds how many queries over UDP each source gets answered. The listeners do it, before anything else looks at a query. */
export default definePlugin({
  name: 'source_limit',
  isOnce: true,
  options: ['burst', 'ipv4_prefix', 'ipv6_prefix', 'slip', 'exempt'],
  setup({ directive, block, faults }) {
    const limit = readLimit(directive, faults);
    const token = directive.occurrences[0]?.name;
    if (limit !== null && token !== undefined) block.settings.sourceLimit = { limit, token };
    return {};
  },
});
