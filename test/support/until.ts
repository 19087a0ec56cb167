import { setTimeout as delay } from 'node:timers/promises';

/** Resolves as soon as the condition holds, looking every ms; rejects, naming it, after ten seconds. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  title = condition.toString(),
): Promise<void> => {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within 10 s: ${title}`);
    await delay(1);
  }
};
