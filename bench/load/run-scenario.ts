import { residentMiB } from '../support/process-accounting.ts';
import { type Cluster, endChurn } from './cluster.ts';
import type { ClosedFigures, Measure, PacedFigures } from './measure.ts';
import { pin, type RunningServer } from './processes.ts';
import type { Scenario } from './scenarios.ts';
import { type Outcome, wrongReplies } from './table.ts';

export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly services: number;
  readonly rounds: number;
  readonly rate: number;
  readonly serverCpu: number;
  readonly askerCpu: number;
  readonly measure: Measure;
  readonly cluster: Cluster;
}

const CHANGES_PER_SECOND = 100;

/** Measures servers that are running, in turn within each round. Only the one whose turn it is has the server's CPU. */
export const runScenario = async (run: ScenarioRun, servers: readonly RunningServer[]): Promise<readonly Outcome[]> => {
  const churn = run.scenario.during === 'churn' ? run.cluster.churn(CHANGES_PER_SECOND) : null;
  const collected = servers.map((server) => ({ server, closed: [] as ClosedFigures[], paced: [] as PacedFigures[] }));
  for (const { server } of collected)
    await alone(server, run, () => run.measure.warmUp(server, run.scenario, run.services));
  for (let round = 0; round < run.rounds; round++)
    for (const { server, closed, paced } of collected)
      await alone(server, run, async () => {
        const { measure, scenario, services, rate } = run;
        await measure.refresh(server, scenario, services);
        if (scenario.isClosedLoop !== false) closed.push(await measure.closed(server, scenario, services, round));
        if (rate > 0) paced.push(await measure.paced(server, scenario, services, round, rate));
      });
  const remarks = churn === null || churn.exitCode === null ? [] : ['the churn ended too early'];
  if (churn !== null) await endChurn(churn);
  return collected.map(({ server, closed, paced }) => finish(run.scenario, server, closed, paced, remarks));
};

/** Gives a server its CPU for as long as it is measured. */
const alone = async (server: RunningServer, run: ScenarioRun, work: () => Promise<void>): Promise<void> => {
  await pin(server.pid, `${run.serverCpu}`);
  await work();
  await pin(server.pid, `${run.askerCpu}`);
};

/**
 * Measures each server while it lists everything again. No other server runs then, because it would list too. `start` gives one that is running.
 */
export const runRelist = async (
  run: ScenarioRun,
  starts: readonly (() => Promise<RunningServer>)[],
): Promise<readonly Outcome[]> => {
  const outcomes = new Map<string, { paced: PacedFigures[]; resident: number[]; remarks: Set<string>; name: string }>();
  for (let round = 0; round < run.rounds; round++)
    for (const start of starts) {
      const server = await start();
      const { name } = server.kind;
      const outcome = outcomes.get(name) ?? { paced: [], resident: [], remarks: new Set<string>(), name };
      outcomes.set(name, outcome);
      await pin(server.pid, `${run.serverCpu}`);
      await run.measure.warmUp(server, run.scenario, run.services);
      const during = async (): Promise<void> => {
        if (!(await run.cluster.makeRelist(40_000))) outcome.remarks.add('NO RELIST SEEN');
      };
      outcome.paced.push(await run.measure.paced(server, run.scenario, run.services, round, run.rate, during));
      outcome.resident.push(residentMiB(server.pid));
      await server.stop();
    }
  return [...outcomes.values()].map(({ name, paced, resident, remarks }) => {
    const outcome = { server: name, closed: [], paced, residentMiB: Math.max(...resident), remarks: [...remarks] };
    return { ...outcome, remarks: [...remarks, ...wrongReplies(run.scenario, outcome)] };
  });
};

const finish = (
  scenario: Scenario,
  server: RunningServer,
  closed: readonly ClosedFigures[],
  paced: readonly PacedFigures[],
  remarks: readonly string[],
): Outcome => {
  const outcome = { server: server.kind.name, closed, paced, residentMiB: residentMiB(server.pid), remarks };
  return { ...outcome, remarks: [...remarks, ...wrongReplies(scenario, outcome)] };
};
