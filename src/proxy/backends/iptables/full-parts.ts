import { isLargeCluster } from '../../model/large-cluster.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { baseJumps, guardsLocalhost, kubeletChains } from './frame.ts';
import { jumpCorrections, staleChains } from './leftovers.ts';
import type { LiveTable } from './live-rules.ts';
import type { RestoreParts } from './restore-input.ts';
import { sortedKeys, writeService } from './service-lines.ts';

/** All that has to be written where a machine has the chains and jumps of `live`, and no more is known of it. */
export const fullParts = (
  services: ServicePorts,
  options: RuleOptions,
  live: ReadonlyMap<string, LiveTable>,
): RestoreParts => {
  const blockOptions = { ...options, isLarge: isLargeCluster(services) };
  const written = sortedKeys(services).map((key) => writeService(services.get(key)!, blockOptions));
  const active = new Set(written.flatMap(({ lines }) => lines.chains));
  const jumps = baseJumps(options);
  const stale = (table: 'filter' | 'nat'): string[] => staleChains(live.get(table), table, active);
  const corrections = (table: 'filter' | 'nat'): string[] =>
    jumpCorrections(
      live.get(table),
      jumps.filter((jump) => jump.table === table),
    );
  const isMissing = (chain: string): boolean => live.get('filter')?.chains.has(chain) !== true;
  return {
    options,
    services: written.map(({ lines }) => lines),
    written,
    stale: { filter: stale('filter'), nat: stale('nat') },
    jumps: { filter: corrections('filter'), nat: corrections('nat') },
    isFull: true,
    missing: guardsLocalhost(options) ? [] : kubeletChains(options).filter(({ name }) => isMissing(name)),
  };
};
