import { describe, expect, it, vi } from 'vitest';
import type { NftNews, OpenTableEvents } from '#netfilter/nft/events.ts';
import { ForeignChanges } from './foreign-changes.ts';

const SMALL = ['add element ip kube-proxy cluster-ips { 10.96.0.1 }\n'];
const LARGE = ['x'.repeat(1024 * 1024)];

/** A kernel whose transactions the test makes; it tells of each at once, and is asked when the program thinks fit. */
class FakeKernel {
  waiting: NftNews['transactions'][number][] = [];
  isLost = false;
  isClosed = false;
  isListening = true;
  /** How many transactions are had at a time. */
  most = Number.POSITIVE_INFINITY;
  failure: Error | null = null;

  readonly open: OpenTableEvents = async () => ({
    read: () => {
      if (this.failure !== null) throw this.failure;
      const transactions = this.waiting.splice(0, this.most);
      const isAll = this.waiting.length === 0;
      const isLost = isAll && this.isLost;
      if (isLost) this.isLost = false;
      return { transactions, isLost, isAll };
    },
    pause: () => {
      this.isListening = false;
    },
    resume: () => {
      this.isListening = true;
    },
    close: () => {
      this.isClosed = true;
    },
  });

  /** `pid`: of the process in the namespace of process numbers that it is in, which the machine counts from `offset`. */
  commit(pid: number, { offset = 0, port = pid } = {}): void {
    if (this.isListening)
      this.waiting.push({ port, pid: pid + offset, processName: 'nft', text: `adds elements to set-${pid}` });
  }
}

const watched = async (open?: OpenTableEvents) => {
  const kernel = new FakeKernel();
  const told: string[] = [];
  const infos: string[] = [];
  const note = (): void => undefined;
  const log = { debug: note, info: (line: string) => void infos.push(line), warning: note, error: note };
  const run = async () => ({ exitCode: 0, stdout: '', stderr: '' });
  const environment = { family: 'IPv4', run, openEvents: open ?? kernel.open, log, now: () => 0 } as const;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const changes = new ForeignChanges(environment, { family: 'ip', name: 'kube-proxy' }, (what) => told.push(what));
  await changes.start();
  return {
    changes,
    kernel,
    told,
    infos,
    /** A transaction of ours, with what happens from its begin to its end. */
    write: (pid: number | undefined, within: () => void, text = SMALL) => {
      changes.writing(text);
      within();
      changes.written(pid);
    },
    pass: () => vi.advanceTimersByTime(10_000),
    [Symbol.dispose]: () => {
      changes.close();
      vi.useRealTimers();
    },
  };
};

describe('changes of others', () => {
  it('are told with their process and what they do', async () => {
    using test = await watched();
    test.kernel.commit(4711);
    expect(test.told).toEqual([]);
    test.pass();
    expect(test.told).toEqual(['process 4711, nft: adds elements to set-4711']);
    test.pass();
    expect(test.told).toHaveLength(1);
  });

  it('are not our own, also where their events are read in parts', async () => {
    using test = await watched();
    test.kernel.most = 1;
    test.write(10, () => test.kernel.commit(10));
    for (let n = 0; n < 3; n++) test.kernel.commit(600 + n);
    test.write(11, () => test.kernel.commit(11));
    test.write(12, () => test.kernel.commit(12));
    test.pass();
    expect(test.told.map((what) => what.slice(0, 11))).toEqual(['process 600', 'process 601', 'process 602']);
  });

  it('are told where they come while we write, and our own are not', async () => {
    using test = await watched();
    test.changes.writing(SMALL);
    test.kernel.commit(666);
    test.kernel.commit(10);
    test.pass();
    expect(test.told).toEqual([]);
    test.changes.written(10);
    expect(test.told).toEqual(['process 666, nft: adds elements to set-666']);
  });

  it('are told from our own by the port where this program has process numbers of its own', async () => {
    using test = await watched();
    test.write(10, () => {
      test.kernel.commit(10, { offset: 30_000 });
      test.kernel.commit(666, { offset: 30_000 });
    });
    expect(test.told).toEqual(['process 30666, nft: adds elements to set-666']);
  });

  it('are told from our own by the process where another socket has the port', async () => {
    using test = await watched();
    test.write(10, () => test.kernel.commit(10, { port: 0xffff_0000 }));
    expect(test.told).toEqual([]);
  });

  it('are told after a transaction of ours that failed, and by a process that has the number of one that is over', async () => {
    using test = await watched();
    test.write(undefined, () => undefined);
    test.write(10, () => test.kernel.commit(10));
    test.kernel.commit(10);
    test.pass();
    expect(test.told).toHaveLength(1);
  });

  it('are not listened to within a large transaction of ours, and told before and behind it', async () => {
    using test = await watched();
    test.kernel.most = 1;
    for (const pid of [601, 602]) test.kernel.commit(pid);
    test.changes.writing(LARGE);
    expect(test.told).toHaveLength(2);
    test.kernel.commit(10);
    test.changes.written(10);
    test.kernel.commit(603);
    test.pass();
    expect(test.told.map((what) => what.slice(0, 11))).toEqual(['process 601', 'process 602', 'process 603']);
  });

  it('are listened to again after a large transaction that failed', async () => {
    using test = await watched();
    test.write(undefined, () => undefined, LARGE);
    test.kernel.commit(601);
    test.pass();
    expect(test.told).toHaveLength(1);
  });

  it('may be among those that got lost', async () => {
    using test = await watched();
    test.kernel.isLost = true;
    test.kernel.commit(601);
    test.pass();
    expect(test.told).toEqual([
      'process 601, nft: adds elements to set-601',
      'changes were too many to be told one by one',
    ]);
  });

  it('are not told where there is no socket, which is said once', async () => {
    using test = await watched(() => Promise.reject(new Error('the package koffi does not load')));
    await test.changes.start();
    test.write(10, () => undefined);
    test.pass();
    expect(test.infos).toEqual([
      expect.stringContaining("IPv4: the kernel can't be heard (the package koffi does not"),
    ]);
    expect(test.told).toEqual([]);
  });

  it('are told no more where the socket fails, which is said once', async () => {
    using test = await watched();
    test.kernel.failure = new Error('read: EBADF');
    test.pass();
    expect(test.kernel.isClosed).toBe(true);
    expect(test.infos).toHaveLength(1);
    test.write(10, () => undefined);
    test.pass();
    expect(test.infos).toHaveLength(1);
  });

  it('are told no more after the end, also where it came while the socket was opened', async () => {
    const kernel = new FakeKernel();
    let opened: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      opened = resolve;
    });
    const note = (): void => undefined;
    const changes = new ForeignChanges(
      {
        family: 'IPv4',
        run: async () => ({ exitCode: 0, stdout: '', stderr: '' }),
        openEvents: async (table) => {
          await gate;
          return kernel.open(table);
        },
        log: { debug: note, info: note, warning: note, error: note },
        now: () => 0,
      },
      { family: 'ip', name: 'kube-proxy' },
      note,
    );
    const started = changes.start();
    changes.close();
    opened();
    await started;
    expect(kernel.isClosed).toBe(true);
  });
});
