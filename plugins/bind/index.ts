import { networkInterfaces } from 'node:os';
import { definePlugin } from '#plugin/index.ts';
import { readListenHosts } from './listen-hosts.ts';

/** Chooses the addresses that a server block listens on. */
export default definePlugin({
  name: 'bind',
  options: ['except'],
  setup({ directive, block, faults }) {
    block.settings.listenHosts = readListenHosts(directive, networkInterfaces(), faults);
    return {};
  },
});
