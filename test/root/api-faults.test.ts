import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    FAULTS.map((fault) => [fault.title, fault] as const),
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
    for (const kind of fault.inStep ?? []) expect(account.staleDuring).toMatchObject({ [kind]: 0 });
    expect(account.staleAfter).toEqual({ Service: 0, Namespace: 0, EndpointSlice: 0 });
  });
});
