import { setTimeout as delay } from 'node:timers/promises';

/** Resolves as soon as the condition holds, looking every ms; rejects, naming it, after `timeoutMs`: ten seconds. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  title = condition.toString(),
  timeoutMs = 10_000,
): Promise<void> => {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs / 1000} s: ${title}`);
    await delay(1);
  }
};
