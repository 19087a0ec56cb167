import type { Rule, TableName } from '#netfilter/iptables/rule.ts';
import { walk } from '#netfilter/iptables/walk.ts';
import type { Machine, Packet, Trace } from '#netfilter/packet.ts';
import { isLargeCluster } from '../../model/large-cluster.ts';
import type { ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { baseJumps, filterFrame, guardsLocalhost, kubeletChains, natFrame } from './frame.ts';
import { planService, type SharedChain } from './plan.ts';
import { sortedKeys } from './service-lines.ts';

/** Walks a packet through the rules as they are planned. */
export const traceRules = (services: ServicePorts, options: RuleOptions, machine: Machine, packet: Packet): Trace => {
  const chains = plannedChains(services, options);
  return walk({ rules: (table, chain) => chains.get(`${table}/${chain}`) }, machine, packet);
};

/** All rules by `TABLE/CHAIN`, those of built-in chains among them. */
export const plannedChains = (services: ServicePorts, options: RuleOptions): ReadonlyMap<string, readonly Rule[]> => {
  const chains = new Map<string, Rule[]>();
  const add = (table: TableName, chain: string, rules: readonly Rule[]): void => {
    const key = `${table}/${chain}`;
    const known = chains.get(key);
    if (known === undefined) chains.set(key, [...rules]);
    else for (const rule of rules) known.push(rule);
  };
  const blockOptions = { ...options, isLarge: isLargeCluster(services) };
  for (const { table, from, rule } of baseJumps(options)) add(table, from, [rule]);
  for (const key of sortedKeys(services)) {
    const block = planService(services.get(key)!, blockOptions);
    for (const { name, rules } of block.chains) add('nat', name, rules);
    for (const [shared, rules] of Object.entries(block.shared) as [SharedChain, readonly Rule[]][]) {
      const [table, chain] = shared.split('/') as ['filter' | 'nat', string];
      add(table, chain, rules);
    }
  }
  if (!guardsLocalhost(options)) for (const { name, rules } of kubeletChains(options)) add('filter', name, rules);
  for (const { name, rules } of filterFrame(options)) add('filter', name, rules);
  for (const { name, rules } of natFrame(options)) add('nat', name, rules);
  return chains;
};
