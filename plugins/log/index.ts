import { definePlugin } from '#plugin/index.ts';
import { QueryLog } from './query-log.ts';
import { readRules } from './rules.ts';

/** Logs queries and their replies. It must see every query, so nothing that passes it is repeated from memory. */
export default definePlugin({
  name: 'log',
  options: ['class'],
  setup({ directive, faults, services }) {
    const queryLog = new QueryLog(readRules(directive, faults), services);
    return { handle: (query, next) => queryLog.handle(query, next) };
  },
});
