import { setTimeout as delay } from 'node:timers/promises';
import type { SeenRequest } from '#test/http-front.ts';
import { until } from '#test/until.ts';
import { isSeen, nextChange } from './change.ts';
import type { Fault } from './faults.ts';
import type { Stage } from './stage.ts';

/** How the server did with a fault. */
export interface Account {
  readonly title: string;
  /** Queries that were answered while it lasted, and what was wrong with the answers. */
  readonly answered: number;
  readonly faults: readonly string[];
  /** What the log said. */
  readonly lines: readonly string[];
  /** From the end of the fault, and from the next change after it, to that change being answered. */
  readonly backAfterMs: number;
  readonly changeAfterMs: number;
  /** Lists that were asked for. */
  readonly lists: number;
  /** Seconds out of step, of each kind, when the fault had lasted, and once it was over. */
  readonly staleDuring: Readonly<Record<string, number>>;
  readonly staleAfter: Readonly<Record<string, number>>;
}

export interface MeetOptions {
  /** How long the fault lasts at least, once the server has met it. */
  readonly lastsMs?: number;
  /** How long the server may take to be back. */
  readonly limitMs?: number;
}

/** Lets the server meet a fault: asked all the while, and the cluster is changed during it and after it. */
export const meet = async (fault: Fault, stage: Stage, options: MeetOptions = {}): Promise<Account> => {
  const { lastsMs = 0, limitMs = 60_000 } = options;
  const { testbed, load, asked, proxy } = stage;
  const before = { lines: asked.process.lines.length, answered: load.answered, requests: proxy.requests.length };
  load.faults.clear();
  asked.notReady.clear();
  const said = (): string[] => asked.process.lines.slice(before.lines);
  const { says, isClusterAway } = fault;
  const during = nextChange();
  const end = await fault.begin(stage);
  try {
    if (says !== null) await until(() => said().some((line) => says.test(line)), `${says} in ${said().join('\n')}`);
    if (!isClusterAway) await testbed.apply(during.manifests);
    await delay(lastsMs);
  } catch (error) {
    await end();
    throw error;
  }
  const staleDuring = await asked.staleSeconds();
  const answered = load.answered - before.answered;

  await end();
  const endedAt = performance.now();
  const after = nextChange();
  await testbed.apply(after.manifests);
  const changedAt = performance.now();
  await until(() => isSeen(after, asked), `${after.name} in\n${said().join('\n')}`, limitMs);
  const seenAt = performance.now();
  if (!isClusterAway) await until(() => isSeen(during, asked), during.name, limitMs);
  const inTrouble = says === null ? 0 : KINDS - (fault.inStep?.length ?? 0);
  await until(() => rightAgain(said()).length >= inTrouble, `an end of the trouble in\n${said().join('\n')}`, limitMs);
  return {
    title: fault.title,
    answered,
    faults: [...load.faults, ...asked.notReady],
    lines: said(),
    backAfterMs: seenAt - endedAt,
    changeAfterMs: seenAt - changedAt,
    lists: proxy.requests.slice(before.requests).filter(isList).length,
    staleDuring,
    staleAfter: await asked.staleSeconds(),
  };
};

const isList = ({ isWatch, query }: SeenRequest): boolean => !isWatch || query.has('sendInitialEvents');

const KINDS = 3;
/** The kinds that are said to be right again. */
const rightAgain = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /watching (\w+) again/.exec(line)?.[1] ?? []);
