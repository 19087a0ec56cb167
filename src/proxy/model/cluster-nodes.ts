import type { Node } from '#kube/objects/node.ts';
import type { IpFamily } from '../rule-options.ts';
import { canonicalAddress } from './address.ts';
import type { Surroundings } from './decide.ts';
import { ZONE } from './topology.ts';

/** What of the others a new version of a Node touches. */
export type NodeEffect = 'nothing' | 'services with topology keys' | 'all services';

/** The Nodes that are known, this one among them. */
export class ClusterNodes implements Surroundings {
  readonly nodeName: string;
  readonly #nodes = new Map<string, Node>();

  constructor(nodeName: string) {
    this.nodeName = nodeName;
  }

  /** This node; null as long as it is not known. */
  get node(): Node | null {
    return this.#nodes.get(this.nodeName) ?? null;
  }

  get zone(): string {
    return this.node?.labels[ZONE] ?? '';
  }

  label(nodeName: string, key: string): string | undefined {
    return this.#nodes.get(nodeName)?.labels[key];
  }

  /** As kube-proxy picks it: the first internal one, else the first external one. */
  primaryAddress(family: IpFamily): string {
    return primaryAddress(this.node, family);
  }

  set(node: Node): NodeEffect {
    const old = this.#nodes.get(node.name) ?? null;
    this.#nodes.set(node.name, node);
    return this.#effect(node.name, old, node);
  }

  delete(name: string): NodeEffect {
    const old = this.#nodes.get(name) ?? null;
    this.#nodes.delete(name);
    return this.#effect(name, old, null);
  }

  #effect(name: string, old: Node | null, now: Node | null): NodeEffect {
    const isSame = isSameLabels(old?.labels ?? {}, now?.labels ?? {});
    if (name !== this.nodeName) return isSame ? 'nothing' : 'services with topology keys';
    const isSameAddress = FAMILIES.every((family) => primaryAddress(old, family) === primaryAddress(now, family));
    return isSame && isSameAddress ? 'nothing' : 'all services';
  }
}

const FAMILIES: readonly IpFamily[] = ['IPv4', 'IPv6'];

/** A node's own address in a family; '' where it has none. */
export const primaryAddress = (node: Node | null, family: IpFamily): string => {
  for (const type of ['InternalIP', 'ExternalIP'])
    for (const address of node?.addresses ?? []) {
      const canonical = address.type === type ? canonicalAddress(address.address, family) : null;
      if (canonical !== null) return canonical;
    }
  return '';
};

const isSameLabels = (a: Node['labels'], b: Node['labels']): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
};
