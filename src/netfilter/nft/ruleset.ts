/** The family of a table, as nft calls it. */
export type TableFamily = 'ip' | 'ip6';

export type Protocol = 'tcp' | 'udp' | 'sctp';

/**
 * A part of a packet, or a random number, that rules look at; several make the key of a set. `dport` is that of any protocol,
 * `portOf` that of one: a rule with it matches no other.
 */
export type Field =
  | 'saddr'
  | 'daddr'
  | 'protocol'
  | 'dport'
  | { readonly portOf: Protocol }
  | { readonly random: number };

export type Verdict =
  | { readonly kind: 'goto'; readonly chain: string }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'drop' };

/** The parts of a rule. A rule goes on to its next part while matches hold. */
export type Statement =
  | {
      readonly kind: 'address';
      readonly field: 'saddr' | 'daddr';
      readonly is: boolean;
      readonly ranges: readonly string[];
    }
  | { readonly kind: 'protocol'; readonly is: Protocol }
  | { readonly kind: 'interface'; readonly is: boolean; readonly name: string }
  | { readonly kind: 'local'; readonly field: 'saddr' | 'daddr' }
  | { readonly kind: 'new' }
  | { readonly kind: 'translated'; readonly is: boolean }
  | { readonly kind: 'marked'; readonly bit: number }
  | { readonly kind: 'in'; readonly key: readonly Field[]; readonly is: boolean; readonly set: string }
  | { readonly kind: 'set-mark'; readonly bit: number }
  | { readonly kind: 'clear-mark'; readonly bit: number }
  | { readonly kind: 'remember'; readonly set: string }
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'verdict-map'; readonly key: readonly Field[]; readonly map: string }
  /** Each of the chains with the same chance. */
  | { readonly kind: 'random-chain'; readonly chains: readonly string[] }
  | { readonly kind: 'dnat-map'; readonly key: readonly Field[]; readonly map: string }
  /** Each of the targets with the same chance. */
  | { readonly kind: 'dnat'; readonly targets: readonly Target[] }
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'reject' };

export interface Target {
  readonly address: string;
  readonly port: number;
}

export type Rule = readonly Statement[];

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Chain {
  readonly name: string;
  /** Where packets enter it; a chain without is only reached from others. */
  readonly base?: { readonly type: 'filter' | 'nat'; readonly hook: Hook; readonly priority: number };
  readonly rules: readonly Rule[];
  /** What it is for, for a reader of the whole text. */
  readonly about?: string;
}

/** A named set or map. */
export interface NamedSet {
  readonly name: string;
  readonly kind: 'set' | 'map';
  /** What stands between its braces, as nft lists it, one line each. */
  readonly declaration: readonly string[];
  /** Keys with ranges in them: few may be added by one command. */
  readonly isInterval?: boolean;
  /** Packets fill it. */
  readonly isDynamic?: boolean;
  readonly about?: string;
}

/** An element of a named set; `value` is '' where it is no map. Texts as nft lists them, protocols by name. */
export interface Element {
  readonly set: string;
  readonly key: string;
  readonly value: string;
}

export interface TableName {
  readonly family: TableFamily;
  readonly name: string;
}

/** What of a table does not change with what it is used for. */
export interface Frame {
  readonly table: TableName;
  readonly comment: string;
  readonly sets: readonly NamedSet[];
  readonly chains: readonly Chain[];
}
