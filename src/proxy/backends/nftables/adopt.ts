import type { ListedSet, Listing } from '#netfilter/nft/listing.ts';
import type { Chain, Element, NamedSet } from '#netfilter/nft/ruleset.ts';
import { baseText, ruleText } from '#netfilter/nft/text.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { type Changes, elementUse, type Uses } from './diff.ts';
import { frameElements, frameOf, type Layout, numberChain, slotMap } from './frame.ts';
import { hasSlots, ownElements, planBlock } from './plan.ts';
import { withSlots } from './slots.ts';

/** What the table has now, and what it lacks. */
export interface Adoption {
  readonly changes: Changes;
  readonly planned: Map<string, ServicePort>;
  readonly uses: Uses;
}

/**
 * Compares a table in the kernel with what is wanted, so that only differences are written: endpoints stay in their slots and clients with
 * their endpoints. Nothing where the table has other sets or hooks than ours: it has to be replaced.
 */
export const adopt = (
  listing: Listing,
  ports: Iterable<ServicePort>,
  options: RuleOptions,
  layout: Layout,
): Adoption | undefined => {
  const frame = frameOf(options, layout);
  if (!isOurs(listing, frame.sets, frame.chains)) return undefined;
  const table = new Comparison(listing, frame.table.family);
  const uses: Uses = new Map();
  const planned = new Map<string, ServicePort>();
  for (const chain of frame.chains) table.wantChain(chain);
  for (const set of frame.sets) table.wantSet(set);
  for (const element of frameElements(options)) table.wantElement(element);
  for (const port of ports) {
    const placed = hasSlots(port, layout) ? withSlots(readSlots(port, listing), port) : port;
    planned.set(port.key, placed);
    const block = planBlock(placed, options, layout);
    for (const element of ownElements(block)) table.wantElement(element);
    for (const element of block.sharedElements) {
      if (countUse(uses, elementUse(element))) table.wantElement(element);
    }
    for (const name of block.numberChains) if (countUse(uses, name)) table.wantChain(numberChain(name, options));
    for (const set of block.sets) table.wantSet(set);
    for (const chain of block.chains) table.wantChain(chain);
  }
  return { changes: table.finish(), planned, uses };
};

const countUse = (uses: Uses, use: string): boolean => {
  const count = uses.get(use) ?? 0;
  uses.set(use, count + 1);
  return count === 0;
};

const isOurs = (listing: Listing, sets: readonly NamedSet[], chains: readonly Chain[]): boolean => {
  const names = new Set(sets.map((set) => set.name));
  const bases = new Map(
    chains.filter((chain) => chain.base !== undefined).map((chain) => [chain.name, baseText(chain)]),
  );
  return (
    listing.lines.every((line) => line.startsWith('comment ')) &&
    sets.every((set) => isSameSet(set, listing.sets.get(set.name))) &&
    [...listing.sets.keys()].every((name) => names.has(name) || name.startsWith('affinity-')) &&
    [...bases].every(([name, base]) => listing.chains.get(name)?.base === base) &&
    [...listing.chains].every(([name, { base }]) => base === (bases.get(name) ?? ''))
  );
};

const isSameSet = ({ kind, declaration }: NamedSet, listed: ListedSet | undefined): boolean =>
  listed !== undefined &&
  listed.kind === kind &&
  [...declaration].sort().join() === [...listed.declaration].sort().join();

/** Crosses out what is there as it should be. */
class Comparison {
  readonly #listing: Listing;
  readonly #family: 'ip' | 'ip6';
  readonly #staleChains: Set<string>;
  readonly #staleSets: Set<string>;
  readonly #chains: Chain[] = [];
  readonly #sets: NamedSet[] = [];
  readonly #removed: Element[] = [];
  readonly #added: Element[] = [];
  readonly #remade = new Set<string>();

  constructor(listing: Listing, family: 'ip' | 'ip6') {
    this.#listing = listing;
    this.#family = family;
    this.#staleChains = new Set(listing.chains.keys());
    this.#staleSets = new Set(listing.sets.keys());
  }

  wantSet(set: NamedSet): void {
    this.#staleSets.delete(set.name);
    const listed = this.#listing.sets.get(set.name);
    if (isSameSet(set, listed)) return;
    this.#sets.push(set);
    this.#remade.add(set.name);
    if (listed !== undefined) this.#staleSets.add(set.name);
  }

  /** After the sets that it looks into. */
  wantChain(chain: Chain): void {
    this.#staleChains.delete(chain.name);
    const listed = this.#listing.chains.get(chain.name);
    const rules = chain.rules.map((rule) => ruleText(rule, this.#family));
    const isNew = chain.rules.some((rule) => rule.some((part) => 'set' in part && this.#remade.has(part.set)));
    if (isNew || listed === undefined || listed.rules.join('\n') !== rules.join('\n')) this.#chains.push(chain);
  }

  wantElement(element: Element): void {
    const listed = this.#listing.sets.get(element.set)?.elements;
    const value = listed?.get(element.key);
    if (value === element.value) {
      listed?.delete(element.key);
      return;
    }
    if (value !== undefined) {
      listed?.delete(element.key);
      this.#removed.push({ ...element, value });
    }
    this.#added.push(element);
  }

  finish(): Changes {
    for (const [set, { elements }] of this.#listing.sets) {
      for (const [key, value] of elements) this.#removed.push({ set, key, value });
    }
    return {
      chains: this.#chains,
      staleChains: [...this.#staleChains],
      sets: this.#sets,
      staleSets: [...this.#staleSets],
      removed: this.#removed,
      added: this.#added,
    };
  }
}

/** The endpoints of a ServicePort in the slots that the kernel has them in. */
const readSlots = (port: ServicePort, listing: Listing): ServicePort => {
  const external = [...port.externalIPs, ...port.loadBalancerIPs].map((address) => `${address} . ${port.port}`);
  const nodePort = port.nodePort > 0 ? [`${port.nodePort}`] : [];
  const clusterIp = [`${port.clusterIP} . ${port.port}`];
  const isLocal = port.internalPolicy === 'Local';
  const first = (places: readonly (readonly [string, readonly string[]])[]): readonly Endpoint[] => {
    for (const [set, keys] of places) {
      for (const key of keys) {
        const endpoints = slotsOf(listing, slotMap(set, port.protocol), key);
        if (endpoints.length > 0) return endpoints;
      }
    }
    return [];
  };
  return {
    ...port,
    clusterEndpoints: first([
      ['endpoints', isLocal ? external : [...clusterIp, ...external]],
      ['nodeport-endpoints', nodePort],
    ]),
    localEndpoints: first([
      ['endpoints', isLocal ? clusterIp : []],
      ['local-endpoints', external],
      ['local-nodeport-endpoints', nodePort],
    ]),
  };
};

const slotsOf = (listing: Listing, set: string, key: string): readonly Endpoint[] => {
  const elements = listing.sets.get(set)?.elements;
  const endpoints: Endpoint[] = [];
  for (let slot = 0; ; slot++) {
    const value = elements?.get(`${key} . ${slot}`);
    if (value === undefined) return endpoints;
    const [address = '', port = ''] = value.split(' . ');
    endpoints.push({ address, port: Number(port), isLocal: false });
  }
};
