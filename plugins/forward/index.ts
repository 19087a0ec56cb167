import { definePlugin } from '#plugin/index.ts';
import { Forwarder } from './forwarder.ts';
import { ForwardMetrics } from './metrics.ts';
import { OPTION_NAMES, readOptions } from './options.ts';

/** How long stopping waits for queries under way; a query is tried for at most as long. */
const DRAIN_MS = 5000;

/** Forwards queries to other name servers. May stand several times in a server block: the first whose FROM matches gets the query. */
export default definePlugin({
  name: 'forward',
  // What is passed on to the next plugin may be repeated; what is forwarded says otherwise itself.
  isRepeatable: true,
  options: OPTION_NAMES,
  setup: ({ directive, faults, services }) => {
    const parsed = directive.occurrences.map((occurrence) => readOptions(occurrence, faults, services.isLenient));
    const shared = {
      clock: services.clock,
      random: services.random,
      metrics: new ForwardMetrics(services.metrics),
      shared: services.shared,
      isDgramOnly: services.isDgramOnly ?? false,
    };
    const forwarders: Forwarder[] = [];
    for (const options of parsed.reverse()) forwarders.unshift(new Forwarder(options, forwarders[0] ?? null, shared));
    const [first] = forwarders;
    if (first === undefined) return null;
    return {
      handle: (query, next) => first.handle(query, next),
      start: async () => {
        for (const forwarder of forwarders) await forwarder.start();
      },
      stop: async () => {
        await Promise.all(forwarders.map((forwarder) => forwarder.stop(DRAIN_MS)));
      },
    };
  },
});
