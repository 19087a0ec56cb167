import type { Measured } from './measured.ts';
import { apiLoad, memoryOf, restartLoad } from './simulate.ts';

/** What the model says of the trial, from what was measured with other clients: light watches, single replicas, lists by themselves. */
export const predictTrial = (measured: Measured) => {
  const { trial, lists, memory } = measured;
  const { services, replicas, eventsPerSecond, sliceOctets } = trial;
  const told = { events: eventsPerSecond, octets: eventsPerSecond * sliceOctets, watches: 1 };
  const { events, octets, cores } = apiLoad(replicas, told, measured);
  // Each Service has a slice; the Namespaces are few.
  const start = { objects: 2 * services, octets: 0 };
  return {
    watchEventsPerSecond: events,
    watchOctetsPerSecond: octets,
    apiCpu: trial.apiCpuAlone + cores,
    apiStartCpuSeconds: restartLoad(replicas, start, lists.watchList).apiCpuSeconds,
    replicaMiB: memoryOf(memory.dns, services, services * trial.endpointsPerService),
  };
};
