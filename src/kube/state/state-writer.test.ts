import { describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { FakeClock } from '#test/fake-clock.ts';
import { StateWriter } from './state-writer.ts';

/** A writer to a disk that a test holds in its hand. */
const scene = () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const log = new Log({
    write: (level, _, message) => void lines.push(`${level}: ${message}`),
    flush: async () => undefined,
  });
  const total = new Metrics().counter({ name: 'writes', help: '', labels: ['result'] });
  const disk: { fault: Error | null; writes: number; held: (() => void)[] | null } = {
    fault: null,
    writes: 0,
    held: null,
  };
  const write = async (): Promise<void> => {
    disk.writes++;
    if (disk.held !== null) await new Promise<void>((resolve) => disk.held?.push(resolve));
    if (disk.fault !== null) throw disk.fault;
  };
  const [written, failed] = [total.at('written'), total.at('failed')];
  const writer = new StateWriter({ clock, log, file: '/state', write, written, failed });
  /** Lets what was begun go to its end. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  /** The time passes to the next deadline; gives how long that took. */
  const next = async (): Promise<number> => {
    const [timer] = clock.deadlines;
    if (timer === undefined) return -1;
    clock.time += timer.ms;
    timer.fire();
    await settle();
    return timer.ms;
  };
  return { clock, lines, disk, writer, written, failed, settle, next };
};

describe('the writing of a state', () => {
  it('begins with the first sync, not with the first change', async () => {
    const { clock, disk, writer, settle } = scene();
    writer.changed();
    await settle();
    expect([disk.writes, clock.deadlines.size]).toEqual([0, 0]);
    writer.begin();
    await settle();
    expect([disk.writes, clock.deadlines.size]).toEqual([1, 0]);
  });

  it('waits for more changes after the first, and keeps a distance between two writes', async () => {
    const { clock, disk, writer, settle, next } = scene();
    writer.begin();
    await settle();
    clock.time += 60_000;
    writer.changed();
    writer.changed();
    expect(await next()).toBe(10_000);
    writer.changed();
    expect(await next()).toBe(30_000);
    expect([disk.writes, clock.deadlines.size]).toEqual([3, 0]);
  });

  it('writes again what changed while it was writing', async () => {
    const { disk, writer, settle, next } = scene();
    disk.held = [];
    writer.begin();
    writer.changed();
    disk.held[0]?.();
    disk.held = null;
    await settle();
    expect(await next()).toBe(30_000);
    expect(disk.writes).toBe(2);
  });

  it('says once that it fails, goes on trying, and says once that it works again', async () => {
    const { lines, disk, writer, written, failed, settle, next } = scene();
    disk.fault = new Error('ENOSPC: no space left on device, write');
    writer.begin();
    await settle();
    expect(await next()).toBe(30_000);
    disk.fault = null;
    expect(await next()).toBe(30_000);
    expect(await next()).toBe(-1);
    expect(lines).toEqual([
      "warning: the state can't be written to /state: ENOSPC: no space left on device, write; what is there stays, trying again",
      'info: the state is written to /state again',
    ]);
    expect([written.total, failed.total]).toEqual([1, 2]);
  });

  it('ends with a last write where there is something new, and with none where there is not', async () => {
    const { clock, disk, writer, settle } = scene();
    writer.begin();
    await settle();
    await writer.close();
    expect(disk.writes).toBe(1);
    const other = scene();
    other.writer.begin();
    await other.settle();
    other.writer.changed();
    await other.writer.close();
    other.writer.changed();
    expect([other.disk.writes, other.clock.deadlines.size, clock.deadlines.size]).toEqual([2, 0, 0]);
  });

  it('never ends with a write before the first sync', async () => {
    const { disk, writer } = scene();
    writer.changed();
    await writer.close();
    writer.begin();
    expect(disk.writes).toBe(0);
  });

  it('waits at the end for a write that is under way, but not for a disk that hangs', async () => {
    const { disk, writer, next, settle } = scene();
    disk.held = [];
    writer.begin();
    let isClosed = false;
    const closed = writer.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    expect(await next()).toBe(5000);
    await closed;
    expect(disk.writes).toBe(1);
  });
});
