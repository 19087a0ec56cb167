import { isIP } from 'node:net';
import type { Node } from '#kube/objects/node.ts';
import type { IpFamily } from '../rule-options.ts';

/** The node's primary address in each family, '' where it has none. */
export type NodeAddresses = Readonly<Record<IpFamily, string>>;

/** Types of a Node's addresses that count, the better first. */
const TYPES = ['InternalIP', 'ExternalIP'];

/** `--bind-address` says the address of its family, the Node object all else, as in kube-proxy. */
export const nodeAddresses = (bindAddress: string, node: Node | null): NodeAddresses => ({
  IPv4: isIP(bindAddress) === 4 ? bindAddress : addressOf(node, 4),
  IPv6: isIP(bindAddress) === 6 ? bindAddress : addressOf(node, 6),
});

const addressOf = (node: Node | null, version: 4 | 6): string => {
  for (const type of TYPES)
    for (const item of node?.addresses ?? [])
      if (item.type === type && isIP(item.address) === version) return item.address;
  return '';
};
