import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '#test/until.ts';
import { FAULTS } from './api-faults/faults.ts';
import { meet } from './api-faults/meet.ts';
import { Stage } from './api-faults/stage.ts';
import { needTestbed, titled } from './needs.ts';

const TITLE = 'the server, when';
const { reason, testbed } = await needTestbed(TITLE, ['kubectl', 'etcd', 'openssl']);

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.set(testbed);
  });
  afterAll(async () => {
    await stage?.strike();
    await testbed.stop();
  });

  it.each(
    FAULTS.filter(({ isSlow }) => !isSlow).map((fault) => [fault.title, fault] as const),
  )('%s: answers on, says so once, and follows again', async (_, fault) => {
    const account = await meet(fault, stage);
    expect(account.faults).toEqual([]);
    expect(account.answered).toBeGreaterThan(0);
    // An outage goes through two or three states. What is said of one kind is not said of the others.
    const reasons = account.lines.flatMap((line) => /failed to \w+ \w+: (.*);/.exec(line)?.[1] ?? []);
    expect(new Set(reasons).size).toBe(reasons.length);
    expect(reasons.length).toBeLessThanOrEqual(3);
    expect(new Set(account.lines).size).toBe(account.lines.length);
    if (fault.says === null) expect([account.lines, account.lists]).toEqual([[], 0]);
    if (fault.isListedAnew) expect(account.lists).toBeGreaterThanOrEqual(3);
    const isOut = (kind: string): boolean => fault.says !== null && fault.inStep?.includes(kind) !== true;
    for (const [kind, seconds] of Object.entries(account.staleDuring))
      if (isOut(kind)) expect([kind, seconds > 0]).toEqual([kind, true]);
    for (const kind of fault.inStep ?? []) expect(account.staleDuring).toMatchObject({ [kind]: 0 });
    expect(account.staleAfter).toEqual({ Service: 0, Namespace: 0, EndpointSlice: 0 });
  });

  it('in all that time not one query is lost', async () => {
    stage.load.pause();
    await until(() => stage.load.outstanding === 0, 'all answered');
    expect(stage.load.answered).toBe(stage.load.sent);
    expect([...stage.load.faults]).toEqual([]);
  });
});
