import type { Scenario } from './scenarios.ts';
import { type ServerKind, takesPart } from './servers.ts';

/** Scenarios of one number of Services: the servers are started for them together. */
export interface Stage {
  readonly services: number;
  readonly scenarios: readonly Scenario[];
}

/** Stages by number of Services, because a cluster can only grow. */
export const planStages = (scenarios: readonly Scenario[], services: number): readonly Stage[] => {
  const sizeOf = (scenario: Scenario): number => scenario.services ?? services;
  const sizes = [...new Set(scenarios.map(sizeOf))].sort((a, b) => a - b);
  return sizes.map((size) => ({ services: size, scenarios: scenarios.filter((each) => sizeOf(each) === size) }));
};

export interface Timing {
  readonly rounds: number;
  readonly seconds: number;
  readonly pacedSeconds: number;
  readonly rate: number;
}

/** Seconds of one turn besides the asking itself: moving the server, a pass over the names, starting the askers. */
const TURN_SECONDS = 1;
const RELIST_SECONDS = 14;
const OBJECTS_PER_SECOND = 2500;

/** About how many seconds a run takes. */
export const estimateSeconds = (stages: readonly Stage[], servers: readonly ServerKind[], timing: Timing): number => {
  let total = 5;
  let loaded = 0;
  for (const { services, scenarios } of stages) {
    total += (2 * (services - loaded)) / OBJECTS_PER_SECOND + 2 * servers.length;
    loaded = services;
    for (const scenario of scenarios) {
      const turn =
        scenario.during === 'relist'
          ? RELIST_SECONDS
          : (scenario.isClosedLoop === false ? 0 : timing.seconds) +
            ((scenario.rate ?? timing.rate) > 0 ? timing.pacedSeconds : 0) +
            TURN_SECONDS;
      total += servers.filter((server) => takesPart(server, scenario)).length * (1.2 + timing.rounds * turn);
    }
  }
  return total;
};
