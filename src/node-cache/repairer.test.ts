import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { NodeCacheMetrics } from './metrics.ts';
import { Repairer } from './repairer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SYNC_MS = 60_000;

/** A repairer of something that tells what was wrong, or fails, in turn; right where nothing is left to tell. */
const scene = (...outcomes: (readonly string[] | Error)[]) => {
  const lines: string[] = [];
  const ends: boolean[] = [];
  let repairs = 0;
  const metrics = new Metrics();
  const repairer = new Repairer({
    what: 'link',
    errorType: 'interface_check',
    repair: async () => {
      repairs++;
      const outcome = outcomes.shift() ?? [];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    onEnd: (isRight) => void ends.push(isRight),
    syncMs: SYNC_MS,
    metrics: new NodeCacheMetrics(metrics),
    log: new Log({
      write: (level, _, message) => void lines.push(`${level}: ${message}`),
      flush: async () => undefined,
    }),
  });
  repairer.start();
  return { repairer, lines, ends, metrics, repairs: () => repairs };
};

describe('a repairer', () => {
  it('looks once each period, and says nothing where all is right', async () => {
    const { lines, repairs } = scene();
    await vi.advanceTimersByTimeAsync(SYNC_MS * 3);
    expect([repairs(), lines]).toEqual([3, []]);
  });

  it('looks once soon after several changes, and says what it mended', async () => {
    const { repairer, lines, repairs, metrics } = scene(['put 169.254.20.10 back']);
    for (let i = 0; i < 5; i++) repairer.soon();
    await vi.advanceTimersByTimeAsync(300);
    expect([repairs(), lines]).toEqual([1, ['warning: put 169.254.20.10 back']]);
    expect(await metrics.render()).toContain('cluster_dns_nodecache_repairs_total{what="link"} 1');
  });

  it('looks again for a change that comes during a repair', async () => {
    const { repairer, repairs } = scene();
    repairer.soon();
    vi.advanceTimersByTime(60);
    repairer.soon();
    await vi.advanceTimersByTimeAsync(1000);
    expect(repairs()).toBe(2);
  });

  it('tries again soon where it fails, counts each, says it once, and says that it is over', async () => {
    const { repairer, lines, ends, metrics } = scene(new Error('no'), new Error('no'), []);
    repairer.soon();
    await vi.advanceTimersByTimeAsync(2000);
    expect(lines).toEqual([
      "error: the link can't be put right: no; trying again",
      'info: the link can be looked after again',
    ]);
    expect(ends).toEqual([false, false, true]);
    expect(await metrics.render()).toContain('coredns_nodecache_setup_errors_total{errortype="interface_check"} 2');
  });

  it('is not kept busy by somebody who undoes each repair', async () => {
    const { repairer, repairs } = scene();
    const undoing = setInterval(() => repairer.soon(), 1);
    await vi.advanceTimersByTimeAsync(2500);
    clearInterval(undoing);
    expect(repairs()).toBeLessThanOrEqual(11);
  });

  it('looks no more once it is stopped', async () => {
    const { repairer, repairs } = scene();
    await repairer.stop();
    repairer.soon();
    await vi.advanceTimersByTimeAsync(SYNC_MS * 2);
    expect(repairs()).toBe(0);
  });
});
