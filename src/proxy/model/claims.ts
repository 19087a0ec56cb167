import { addressAndPort } from './address.ts';
import type { ServicePort } from './service-port.ts';

/**
 * Who holds which entry. Of ServicePorts that ask for the same one, the first by key has it; the others wait, and get it when it is given
 * back. Nearly every entry is asked for once, so that is kept without a list around it.
 */
export class Claims {
  readonly #holders = new Map<string, string | readonly string[]>();

  /** The key that has an entry; undefined where nobody asks for it. */
  holder(entry: string): string | undefined {
    const held = this.#holders.get(entry);
    return typeof held === 'string' || held === undefined ? held : held[0];
  }

  /** Asks for an entry; gives keys that asked for it, too, and so may be told something else now. */
  add(entry: string, key: string): readonly string[] {
    const held = this.#holders.get(entry);
    if (held === undefined) {
      this.#holders.set(entry, key);
      return NOBODY;
    }
    const others = typeof held === 'string' ? [held] : held;
    if (others.includes(key)) return NOBODY;
    this.#holders.set(entry, [...others, key].sort());
    return others;
  }

  /** Gives an entry back; gives keys that still ask for it. */
  delete(entry: string, key: string): readonly string[] {
    const held = this.#holders.get(entry);
    if (held === undefined) return NOBODY;
    const left = (typeof held === 'string' ? [held] : held).filter((other) => other !== key);
    const [first] = left;
    if (first === undefined) this.#holders.delete(entry);
    else this.#holders.set(entry, left.length === 1 ? first : left);
    return left;
  }
}

const NOBODY: readonly string[] = Object.freeze([]);

/** Entries of a ServicePort as texts, its ClusterIP's first. */
export const entriesOf = (port: ServicePort): readonly string[] => {
  const entries = [addressEntry(port, port.clusterIP)];
  for (const address of port.externalIPs) entries.push(addressEntry(port, address));
  for (const address of port.loadBalancerIPs) entries.push(addressEntry(port, address));
  if (port.nodePort !== 0) entries.push(nodePortEntry(port));
  return entries;
};

const addressEntry = ({ port, protocol }: ServicePort, address: string): string =>
  `${addressAndPort(address, port)}/${protocol}`;
const nodePortEntry = ({ nodePort, protocol }: ServicePort): string => `node port ${nodePort}/${protocol}`;

/** A ServicePort with what it holds of its entries; null where its ClusterIP is another's. */
export interface Settled {
  readonly port: ServicePort | null;
  /** Entries that another has, for the log. */
  readonly lost: readonly string[];
}

/** Takes the entries out that others hold. */
export const settle = (port: ServicePort, claims: Claims): Settled => {
  const lost = entriesOf(port).filter((entry) => claims.holder(entry) !== port.key);
  if (lost.length === 0) return { port, lost };
  const text = (entry: string): string => `${entry} of ${port.key} is held by ${claims.holder(entry)}`;
  if (lost.includes(addressEntry(port, port.clusterIP)))
    return { port: null, lost: lost.map((entry) => `${text(entry)}, so that port is left out`) };
  const isHeld = (address: string): boolean => !lost.includes(addressEntry(port, address));
  const kept = {
    ...port,
    externalIPs: port.externalIPs.filter(isHeld),
    loadBalancerIPs: port.loadBalancerIPs.filter(isHeld),
    nodePort: lost.includes(nodePortEntry(port)) ? 0 : port.nodePort,
  };
  return { port: withoutUnused(kept), lost: lost.map((entry) => `${text(entry)}, so that entry is left out`) };
};

/** A port that lost all it had outside is as one that never had it. */
const withoutUnused = (port: ServicePort): ServicePort => {
  const ranges = port.loadBalancerIPs.length === 0 ? { sourceRanges: [], hasNodeInSourceRanges: false } : {};
  const hasExternal = port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0;
  if (hasExternal) return { ...port, ...ranges };
  return {
    ...port,
    ...ranges,
    externalPolicy: 'Cluster',
    external: 'reject',
    clusterEndpoints: port.internalPolicy === 'Cluster' ? port.clusterEndpoints : [],
    localEndpoints: port.internalPolicy === 'Local' ? port.localEndpoints : [],
  };
};
