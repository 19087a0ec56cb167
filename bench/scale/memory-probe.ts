// Loaded into a program by `node --expose-gc --import`: collects garbage and tells what is left when it is asked, over the channel to its parent.
import type { LiveMemory } from './measured-process.ts';

const collect = (globalThis as { gc?: () => void }).gc;

process.on('message', () => {
  // Twice: what has a finalizer goes in the second.
  collect?.();
  collect?.();
  const { heapUsed, external } = process.memoryUsage();
  const answer: LiveMemory = { heapMiB: heapUsed / 2 ** 20, externalMiB: external / 2 ** 20 };
  process.send?.(answer);
});
// The channel alone must not keep the program alive.
process.channel?.unref();
