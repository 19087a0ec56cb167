import { definePlugin } from '#plugin/index.ts';

/** Turns `[DEBUG]` lines on, and lets a plugin's crash end the process in place of a SERVFAIL. */
export default definePlugin({
  name: 'debug',
  setup({ directive, block, faults, services }) {
    for (const { args } of directive.occurrences) if (args[0] !== undefined) faults.argument(args[0]);
    block.settings.isDebug = true;
    let release: (() => Promise<void>) | null = null;
    return {
      start: () => {
        // Shared, so that the lines stay on over a reload and go off with the last block that wants them.
        const lease = services.shared.claim('log/debug', () => {
          services.log.setDebug(true);
          return { close: () => services.log.setDebug(false) };
        });
        release = lease.release;
      },
      stop: () => release?.(),
    };
  },
});
