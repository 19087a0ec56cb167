/** Tables that are used here. */
export type TableName = 'raw' | 'mangle' | 'nat' | 'filter' | 'security';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/** One test of a rule; their order is the order in its text. */
export type Match =
  | { readonly kind: 'comment'; readonly text: string }
  /** `isNamed`: the text loads the match of the same name before `-p`, as kube-proxy writes it. */
  | { readonly kind: 'protocol'; readonly protocol: Protocol; readonly isNamed: boolean }
  | { readonly kind: 'source' | 'destination'; readonly range: string; readonly isNot: boolean }
  | { readonly kind: 'source-port' | 'destination-port'; readonly port: number }
  /** A name that ends in `+` stands for all that begin so. */
  | { readonly kind: 'in-interface'; readonly name: string; readonly isNot: boolean }
  | { readonly kind: 'local-address'; readonly side: 'src' | 'dst'; readonly isNot: boolean }
  | { readonly kind: 'conntrack'; readonly states: readonly string[]; readonly isNot: boolean }
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number; readonly isNot: boolean }
  | { readonly kind: 'random'; readonly probability: number }
  | { readonly kind: 'recent-set'; readonly list: string }
  | { readonly kind: 'recent-check'; readonly list: string; readonly seconds: number }
  | { readonly kind: 'nfacct'; readonly counter: string }
  /** Octets of the whole IP packet. */
  | { readonly kind: 'length'; readonly octets: number }
  | {
      readonly kind: 'set';
      readonly set: string;
      readonly directions: readonly ('src' | 'dst')[];
      readonly isNot: boolean;
    }
  /** IPVS has taken the packet for this virtual server. */
  | { readonly kind: 'virtual-server'; readonly address: string; readonly protocol: Protocol; readonly port: number };

export type Target =
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'return' }
  | { readonly kind: 'masquerade'; readonly isFullyRandom: boolean }
  | { readonly kind: 'dnat'; readonly address: string; readonly port: number }
  | { readonly kind: 'mark'; readonly operation: 'or' | 'xor'; readonly value: number }
  /** Connection tracking does not see the packet. `isAsCt`: by the name of the target that does it. */
  | { readonly kind: 'notrack'; readonly isAsCt: boolean }
  /** Counts, and goes on. */
  | { readonly kind: 'none' };

export interface Rule {
  readonly matches: readonly Match[];
  readonly target: Target;
}

export interface Chain {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** Chains of each table, the built-in ones among them. */
export type Tables = Readonly<Partial<Record<TableName, ReadonlyMap<string, Chain>>>>;

export const BUILT_IN_CHAINS: ReadonlySet<string> = new Set([
  'PREROUTING',
  'INPUT',
  'FORWARD',
  'OUTPUT',
  'POSTROUTING',
]);

export const jump = (chain: string): Target => ({ kind: 'jump', chain });
export const comment = (text: string): Match => ({ kind: 'comment', text });
