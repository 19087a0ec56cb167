import { describe, expect, it } from 'vitest';
import type { Hold } from '#netfilter/run.ts';
import { ForeignChanges } from './foreign-changes.ts';

/** A monitor whose lines the test says. */
const watched = () => {
  let say: (line: string) => void = () => undefined;
  const hold: Hold = (_, __, onLine) => {
    say = onLine;
    return { ended: new Promise(() => undefined), end: () => undefined };
  };
  const told: string[] = [];
  let now = 0;
  const note = (): void => undefined;
  const log = { debug: note, info: note, warning: note, error: note };
  const run = async () => ({ exitCode: 0, stdout: '', stderr: '' });
  const changes = new ForeignChanges({ family: 'IPv4', run, hold, log, now: () => now }, 'ip kube-proxy', (what) =>
    told.push(what),
  );
  changes.start();
  return {
    changes,
    told,
    pass: (ms: number) => {
      now += ms;
    },
    transaction: (pid: number, table = 'ip kube-proxy') => {
      say(`add element ${table} service-ips { 10.96.0.1 . tcp . 80 : drop }`);
      say(`add element ${table} cluster-ips { 10.96.0.1 }`);
      say(`# new generation 7 by process ${pid} (nft)`);
    },
    lose: () => say('# ERROR: We lost some netlink events!'),
  };
};

describe('changes of others', () => {
  it('are told with their process and their first line', () => {
    const { told, transaction } = watched();
    transaction(4711);
    expect(told).toEqual(['process 4711, nft: add element ip kube-proxy service-ips { 10.96.0.1 . tcp . 80 : drop }']);
  });
  it('are not those of other tables, nor our own, whenever these are seen', () => {
    const { changes, told, transaction } = watched();
    transaction(1, 'ip filter');
    transaction(1, 'ip6 kube-proxy');
    changes.writing();
    transaction(10);
    changes.written(true, 10);
    changes.writing();
    changes.written(true, 11);
    transaction(11);
    expect(told).toEqual([]);
  });
  it('are told where they come while we write', () => {
    const { changes, told, transaction } = watched();
    changes.writing();
    transaction(666);
    transaction(10);
    expect(told).toEqual([]);
    changes.written(true, 10);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('process 666');
  });
  it('are told after a transaction of ours that failed', () => {
    const { changes, told, transaction } = watched();
    changes.writing();
    changes.written(false, 10);
    transaction(12);
    expect(told).toHaveLength(1);
  });
  it('may be among those that got lost, unless a load of ours was too large to be told', () => {
    const { changes, told, lose, pass } = watched();
    changes.writing();
    changes.written(true, 10);
    lose();
    expect(told).toEqual([]);
    pass(60_000);
    lose();
    expect(told).toHaveLength(1);
  });
});
