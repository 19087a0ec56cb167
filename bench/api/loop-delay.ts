// Loaded into a server by `node --import`: measures the delays of its event loop and tells them when it is asked, over the channel to its parent.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelays, LoopQuestion } from './loop-question.ts';

/** ms between two looks; as fine as the histogram can do it. */
const RESOLUTION_MS = 1;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();

/** Nanoseconds, with the time between two looks in it, as ms above that. */
const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);

process.on('message', (question: LoopQuestion) => {
  const { count, max } = delays;
  const answer: LoopDelays = {
    looks: count,
    p99: ms(delays.percentile(99)),
    p999: ms(delays.percentile(99.9)),
    max: ms(max),
  };
  if (question === 'begin') delays.reset();
  process.send?.(answer);
});
// The channel alone must not keep the server alive.
process.channel?.unref();
