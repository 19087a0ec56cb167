import { afterEach, describe, expect, it, vi } from 'vitest';
import { Log } from '#log/log.ts';
import { RecordingSink } from '#plugin/testing.ts';
import type { DnsServer } from '#server/lifecycle.ts';
import { onSignals } from './signals.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGHUP'] as const;
let untie: () => void = () => undefined;
afterEach(() => untie());

const tie = (fault: Error | null = null) => {
  const sink = new RecordingSink();
  const stops: boolean[] = [];
  let reloads = 0;
  const server = {
    stop: async (isGraceful: boolean) => void stops.push(isGraceful),
    reload: async () => {
      reloads++;
      return fault;
    },
  } as unknown as DnsServer;
  const finish = vi.fn();
  untie = onSignals(server, new Log(sink), finish);
  return { sink, stops, finish, reloads: () => reloads };
};

describe('signals', () => {
  it.each([
    'SIGTERM',
    'SIGINT',
  ] as const)('%s stops gracefully, and once however often it comes with the other', async (signal) => {
    const { stops, finish } = tie();
    process.emit(signal);
    process.emit('SIGTERM');
    await vi.waitFor(() => expect(finish).toHaveBeenCalledWith(0));
    expect(stops).toEqual([true]);
    expect(finish).toHaveBeenCalledTimes(1);
  });

  it('USR1 reloads and logs why it did not work', async () => {
    const { sink, reloads } = tie(new Error('the reason'));
    process.emit('SIGUSR1');
    await vi.waitFor(() => expect(sink.lines).toEqual(['info : SIGUSR1: Reloading', 'error : SIGUSR1: the reason']));
    expect(reloads()).toBe(1);
  });

  it('HUP and USR2 do nothing', () => {
    const { sink, stops, reloads } = tie();
    process.emit('SIGHUP');
    process.emit('SIGUSR2');
    expect([sink.lines, stops, reloads()]).toEqual([[], [], 0]);
  });

  it('leave no listener behind', () => {
    const before = SIGNALS.map((signal) => process.listenerCount(signal));
    tie();
    expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before.map((count) => count + 1));
    untie();
    untie = () => undefined;
    expect(SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before);
  });
});
