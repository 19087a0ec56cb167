import { definePlugin } from '#plugin/index.ts';
import { whoami } from './whoami.ts';

/** Tells who asks: the client's address, port and transport. The reply is the asker's own, so it is never repeated from memory. */
export default definePlugin({
  name: 'whoami',
  setup({ directive, faults }) {
    for (const { name, args, body } of directive.occurrences) {
      const extra = args[0];
      if (extra !== undefined) faults.argument(extra);
      else if (body !== null) faults.add("Error during parsing: Unexpected token '{', expecting argument", name);
    }
    return { handle: whoami };
  },
});
