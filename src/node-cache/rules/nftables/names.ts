import type { TableFamily } from '#netfilter/nft/ruleset.ts';

export const FAMILIES = [4, 6] as const;
export type Family = (typeof FAMILIES)[number];

/** The family as nft calls it. */
export const nftFamily = (family: Family): TableFamily => (family === 4 ? 'ip' : 'ip6');

/** The family as the kernel calls it: NFPROTO_*. */
export const familyNumber = (family: Family): number => (family === 4 ? 2 : 10);

/** The table that stays on the node, in each family. */
export const PERMANENT_TABLE = 'cluster-dns-node-cache';

/** Tables of instances begin so. */
const INSTANCE_PREFIX = `${PERMANENT_TABLE}-`;

/** `instance`: of this process alone, also among processes of other containers. */
export const instanceTable = (instance: string): string => `${INSTANCE_PREFIX}${instance}`;

export const isInstanceTable = (name: string): boolean => name.startsWith(INSTANCE_PREFIX);

/** Addresses of the cache, in the permanent table. */
export const ADDRESSES = 'addresses';
/** TCP connections that go to the cluster's DNS, in the permanent table. */
export const FALLBACK_FLOWS = 'fallback-flows';
/** Addresses on which the cache answers, in the table of an instance. */
export const ALIVE = 'alive';
/** Addresses on which an instance is about to end. */
export const DRAINING = 'draining';

/** For so long after the last word of the cache queries come to it. */
export const ALIVE_MS = 3000;
/** For so long its TCP connections go on after `drain`. */
export const DRAINING_MS = 15_000;

/**
 * Where packets come by. All is decided in front of iptables' raw table (-300), so that no NOTRACK there, such as one that node-cache has left, sends a query
 * of the fallback to a cache that is not there.
 */
export const PRIORITIES = {
  /** Connections of the fallback are known here, whether the cache is alive or not. */
  flows: -320,
  instance: -310,
  decision: -305,
  /** Behind conntrack. */
  marks: -190,
  /** Both behind NAT: kube-proxy has given the reply the source that it translated. */
  inputReply: 110,
  postroutingReply: 110,
  masquerade: 90,
} as const;

/** What is to be the first conntrack zone of the fallback; each address that is rewritten has the next. */
export const FIRST_ZONE = 53530;
