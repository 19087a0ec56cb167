import type { Chain, Element, NamedSet } from '#netfilter/nft/ruleset.ts';
import type { Endpoint, Outcome, ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { type Layout, type NumberForm, slotMap } from './frame.ts';
import { serviceChain } from './names.ts';
import { serviceChains } from './service-chains.ts';
import { allowedSources } from './source-ranges.ts';

/** What one ServicePort puts into the table. */
export interface Block {
  /** No other block has these. */
  readonly elements: readonly (Element | SlotList)[];
  /** Others may have these, too. */
  readonly sharedElements: readonly Element[];
  /** Chains for a number of endpoints that it leads to, by name. */
  readonly numberChains: readonly string[];
  readonly chains: readonly Chain[];
  readonly sets: readonly NamedSet[];
}

/**
 * Endpoints in the slots of one entry: an element each. They are kept as a list because that is compared without making elements, of which a
 * Service may have ten thousand.
 */
export interface SlotList {
  readonly set: string;
  /** The key of an element before the number. */
  readonly entry: string;
  readonly endpoints: readonly Endpoint[];
}

/** The element of one slot. */
export const slotElement = ({ set, entry, endpoints }: SlotList, slot: number): Element => {
  const { address, port } = endpoints[slot] as Endpoint;
  return { set, key: `${entry} . ${slot}`, value: `${address} . ${port}` };
};

/** All elements that no other block has. */
export function* ownElements({ elements }: Block): Iterable<Element> {
  for (const part of elements) {
    if ('key' in part) yield part;
    else for (let slot = 0; slot < part.endpoints.length; slot++) yield slotElement(part, slot);
  }
}

/** A ServicePort without its own chains has its endpoints in slots: their order in the lists. */
export const hasSlots = (port: ServicePort, layout: Layout): boolean =>
  layout === 'map-only' && port.affinitySeconds === 0;

/** Rules and elements of one ServicePort. */
export const planBlock = (port: ServicePort, options: RuleOptions, layout: Layout): Block => {
  const block = new BlockBuilder(port, options, layout);
  block.addClusterIp();
  for (const address of port.externalIPs) block.addExternal(addressEntry(port, address));
  for (const address of port.loadBalancerIPs) {
    block.addExternal(addressEntry(port, address));
    block.addSourceRanges(address);
  }
  if (port.nodePort > 0) block.addExternal(nodePortEntry(port));
  block.addHairpin();
  return block.finish();
};

/** Where traffic comes in, and the maps that know it. */
interface Entry {
  readonly key: string;
  /** The key of slots before the number: their maps are of one protocol. */
  readonly slots: string;
  readonly maps: EntryMaps;
}

interface EntryMaps {
  readonly verdicts: string;
  readonly noEndpoints: string;
  readonly endpoints: string;
  readonly shortCuts: string;
  readonly locals: string;
  readonly localEndpoints: string;
  /** Chains for a number of endpoints. */
  readonly direct: NumberForm;
  readonly masqueraded: NumberForm;
  readonly local: NumberForm;
  /** The chain of external policy Local. */
  readonly localPolicy: string;
}

const ADDRESS_MAPS: EntryMaps = {
  verdicts: 'service-ips',
  noEndpoints: 'no-endpoint-services',
  endpoints: 'endpoints',
  shortCuts: 'short-cut-ips',
  locals: 'local-ips',
  localEndpoints: 'local-endpoints',
  direct: 'cluster',
  masqueraded: 'external',
  local: 'local',
  localPolicy: 'external-local',
};

const NODE_PORT_MAPS: EntryMaps = {
  verdicts: 'service-nodeports',
  noEndpoints: 'no-endpoint-nodeports',
  endpoints: 'nodeport-endpoints',
  shortCuts: 'short-cut-nodeports',
  locals: 'local-nodeports',
  localEndpoints: 'local-nodeport-endpoints',
  direct: 'nodeport-cluster',
  masqueraded: 'nodeport',
  local: 'nodeport-local',
  localPolicy: 'nodeport-local',
};

const addressEntry = ({ protocol, port }: ServicePort, address: string): Entry => ({
  key: `${address} . ${protocol} . ${port}`,
  slots: `${address} . ${port}`,
  maps: ADDRESS_MAPS,
});

const nodePortEntry = ({ protocol, nodePort }: ServicePort): Entry => ({
  key: `${protocol} . ${nodePort}`,
  slots: `${nodePort}`,
  maps: NODE_PORT_MAPS,
});

class BlockBuilder {
  readonly #port: ServicePort;
  readonly #layout: Layout;
  readonly #hasOwnChains: boolean;
  readonly #elements: (Element | SlotList)[] = [];
  readonly #sharedElements: Element[] = [];
  readonly #numberChains = new Set<string>();
  readonly #chains: Chain[] = [];
  readonly #sets: NamedSet[] = [];
  /** An address may be both an external IP and one of the load balancer: it is one entry. */
  readonly #entries = new Set<string>();

  constructor(port: ServicePort, options: RuleOptions, layout: Layout) {
    this.#port = port;
    this.#layout = layout;
    this.#hasOwnChains = !hasSlots(port, layout);
    if (this.#hasOwnChains) {
      const own = serviceChains(port, options);
      this.#chains.push(...own.chains);
      this.#sets.push(...own.sets);
    }
  }

  finish(): Block {
    return {
      elements: this.#elements,
      sharedElements: this.#sharedElements,
      numberChains: [...this.#numberChains],
      chains: this.#chains,
      sets: this.#sets,
    };
  }

  addClusterIp(): void {
    const port = this.#port;
    const entry = addressEntry(port, port.clusterIP);
    this.#entries.add(entry.key);
    this.#sharedElements.push({ set: 'cluster-ips', key: port.clusterIP, value: '' });
    this.#addNoEndpoints(entry, port.internal);
    if (port.internal !== 'balance') return;
    const isLocal = port.internalPolicy === 'Local';
    if (this.#hasOwnChains) {
      this.#addVerdict(entry.maps.verdicts, entry.key, serviceChain(isLocal ? 'local' : 'service', port));
    } else {
      const endpoints = isLocal ? port.localEndpoints : port.clusterEndpoints;
      this.#addChoice(entry.maps.verdicts, entry, entry.maps.direct, entry.maps.endpoints, endpoints);
    }
  }

  addExternal(entry: Entry): void {
    const port = this.#port;
    if (this.#entries.has(entry.key)) return;
    this.#entries.add(entry.key);
    this.#addNoEndpoints(entry, port.external);
    const { maps, key } = entry;
    const isShort = port.externalPolicy === 'Local' && port.clusterEndpoints.length > 0;
    if (port.external !== 'balance' && !isShort) return;
    if (this.#hasOwnChains) {
      this.#addVerdict(maps.verdicts, key, serviceChain('external', port));
    } else if (port.externalPolicy === 'Cluster') {
      this.#addChoice(maps.verdicts, entry, maps.masqueraded, maps.endpoints, port.clusterEndpoints);
    } else {
      this.#addVerdict(maps.verdicts, key, maps.localPolicy);
      if (isShort) this.#addChoice(maps.shortCuts, entry, maps.direct, maps.endpoints, port.clusterEndpoints);
      if (port.external === 'balance')
        this.#addChoice(maps.locals, entry, maps.local, maps.localEndpoints, port.localEndpoints);
    }
  }

  addSourceRanges(address: string): void {
    const port = this.#port;
    if (port.sourceRanges.length === 0) return;
    const ranges = allowedSources(port);
    const { key } = addressEntry(port, address);
    if (this.#layout === 'map-only') {
      this.#addVerdict('firewall-ips', key, 'source-ranges-check');
      for (const range of ranges) this.#add('source-ranges', `${key} . ${range}`, '');
      return;
    }
    const name = serviceChain('firewall', port);
    this.#addVerdict('firewall-ips', key, name);
    if (this.#chains.some((chain) => chain.name === name)) return;
    this.#chains.push({
      name,
      rules: [
        [
          { kind: 'address', field: 'saddr', is: false, ranges },
          { kind: 'verdict', verdict: { kind: 'drop' } },
        ],
      ],
    });
  }

  /** Endpoints of this node that get traffic: one that is sent back to itself would not know the reply. */
  addHairpin(): void {
    const { clusterEndpoints, localEndpoints, protocol } = this.#port;
    const keys = new Set<string>();
    for (const endpoints of [clusterEndpoints, localEndpoints]) {
      for (const { isLocal, address, port } of endpoints) {
        if (isLocal) keys.add(`${address} . ${address} . ${protocol} . ${port}`);
      }
    }
    for (const key of keys) this.#sharedElements.push({ set: 'hairpin-connections', key, value: '' });
  }

  #addNoEndpoints({ maps, key }: Entry, outcome: Outcome): void {
    if (outcome === 'reject') this.#addVerdict(maps.noEndpoints, key, 'reject-chain');
    if (outcome === 'drop') this.#add(maps.noEndpoints, key, 'drop');
  }

  /** Sends an entry to the chain for the number of its endpoints, and puts those into slots. */
  #addChoice(map: string, entry: Entry, form: NumberForm, slots: string, endpoints: readonly Endpoint[]): void {
    const { key, maps } = entry;
    const number = endpoints.length;
    if (number === 0) return;
    const chain = `${form}-${number}`;
    this.#addVerdict(map, key, chain);
    this.#numberChains.add(chain);
    const direct = form === maps.masqueraded ? maps.direct : form;
    this.#numberChains.add(`${direct}-${number}`);
    this.#numberChains.add(`${direct}-1`);
    this.#elements.push({ set: slotMap(slots, this.#port.protocol), entry: entry.slots, endpoints });
  }

  #addVerdict(map: string, key: string, chain: string): void {
    this.#add(map, key, `goto ${chain}`);
  }

  #add(set: string, key: string, value: string): void {
    this.#elements.push({ set, key, value });
  }
}
