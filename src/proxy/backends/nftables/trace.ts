import type { Chain, Element } from '#netfilter/nft/ruleset.ts';
import { walk } from '#netfilter/nft/walk.ts';
import type { Machine, Packet, Trace } from '#netfilter/packet.ts';
import type { ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { frameElements, frameOf, type Layout, numberChain } from './frame.ts';
import { ownElements, planBlock } from './plan.ts';

/** Walks a packet through the planned table. */
export const traceTable = (
  ports: Iterable<ServicePort>,
  options: RuleOptions,
  layout: Layout,
  machine: Machine,
  packet: Packet,
): Trace => {
  const frame = frameOf(options, layout);
  const chains = new Map<string, Chain>(frame.chains.map((chain) => [chain.name, chain]));
  const elements = new Map<string, Map<string, string>>(frame.sets.map((set) => [set.name, new Map()]));
  const put = ({ set, key, value }: Element): void => void elements.get(set)?.set(key, value);
  frameElements(options).forEach(put);
  for (const port of ports) {
    const block = planBlock(port, options, layout);
    for (const element of ownElements(block)) put(element);
    block.sharedElements.forEach(put);
    for (const name of block.numberChains) chains.set(name, numberChain(name, options));
    for (const chain of block.chains) chains.set(chain.name, chain);
  }
  return walk({ family: frame.table.family, chains, elements }, machine, packet);
};
