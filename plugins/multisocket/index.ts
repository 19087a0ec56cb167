import { definePlugin } from '#plugin/index.ts';
import { readCpuFacts, usableCpus } from '#server/listeners/thread-count.ts';
import { readSocketCount } from './socket-count.ts';

/** Says how many threads listen, each with a UDP socket of its own for every address. */
export default definePlugin({
  name: 'multisocket',
  setup({ directive, block, faults }) {
    block.settings.socketCount = readSocketCount(directive, () => usableCpus(readCpuFacts()), faults);
    return {};
  },
});
