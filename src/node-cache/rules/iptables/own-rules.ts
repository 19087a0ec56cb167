import { addressOf } from '#netfilter/iptables/address-match.ts';
import { comment, type Match, type Rule, type TableName, type Target } from '#netfilter/iptables/rule.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import type { LocalAddress } from '../../settings.ts';

/** Tables that node-cache has rules in. */
export type RuleTable = 'raw' | 'filter';

/** What a rule is for. `attract`: queries come to the cache for it, past whatever kube-proxy has for them. */
export type RuleRole = 'attract' | 'accept' | 'reply' | 'health' | 'own-query';

/** A rule of the node-local cache, and where it stands. */
export interface OwnRule {
  readonly table: RuleTable;
  readonly chain: 'PREROUTING' | 'INPUT' | 'OUTPUT';
  readonly role: RuleRole;
  readonly rule: Rule;
}

export interface RulePorts {
  readonly dnsPort: number;
  readonly healthPort: number;
}

/** With each begins the comment of every rule that node-cache makes; older ones had none. */
export const COMMENT_START = 'NodeLocal DNS Cache: ';
const SKIP_CONNTRACK = comment(`${COMMENT_START}skip conntrack`);
const ALLOW = comment(`${COMMENT_START}allow DNS traffic`);
const NOTRACK: Target = { kind: 'notrack', isAsCt: false };
const ACCEPT: Target = { kind: 'accept' };
/** An IP header, one of UDP, and a DNS header without a question: no client's query is so short. */
const OWN_QUERY_OCTETS: Readonly<Record<4 | 6, number>> = { 4: 20 + 8 + 12, 6: 40 + 8 + 12 };

/**
 * The rules of one address in the order in which node-cache puts each in front of its chain: twelve, which it finds and takes out again, and with `own-query`
 * one that lets this process's own query (see own-query.ts) to the cache while clients' go elsewhere.
 */
export const rulesOfAddress = (local: LocalAddress, { dnsPort, healthPort }: RulePorts): readonly OwnRule[] => {
  const address = addressOf(local.address);
  const to = (protocol: 'tcp' | 'udp', port: number): Match[] => [
    { kind: 'protocol', protocol, isNamed: false },
    { kind: 'destination', range: address, isNot: false },
    { kind: 'destination-port', port },
  ];
  const from = (protocol: 'tcp' | 'udp', port: number): Match[] => [
    { kind: 'protocol', protocol, isNamed: false },
    { kind: 'source', range: address, isNot: false },
    { kind: 'source-port', port },
  ];
  const raw = (chain: OwnRule['chain'], role: RuleRole, matches: readonly Match[]): OwnRule => ({
    table: 'raw',
    chain,
    role,
    rule: { matches: [...matches, SKIP_CONNTRACK], target: NOTRACK },
  });
  const filter = (chain: OwnRule['chain'], matches: readonly Match[]): OwnRule => ({
    table: 'filter',
    chain,
    role: 'accept',
    rule: { matches: [...matches, ALLOW], target: ACCEPT },
  });
  const both = (make: (protocol: 'tcp' | 'udp') => OwnRule): OwnRule[] => [make('tcp'), make('udp')];
  return [
    ...both((protocol) => raw('PREROUTING', 'attract', to(protocol, dnsPort))),
    ...both((protocol) => filter('INPUT', to(protocol, dnsPort))),
    ...both((protocol) => raw('OUTPUT', 'reply', from(protocol, dnsPort))),
    ...both((protocol) => filter('OUTPUT', from(protocol, dnsPort))),
    ...both((protocol) => raw('OUTPUT', 'attract', to(protocol, dnsPort))),
    raw('OUTPUT', 'health', to('tcp', healthPort)),
    raw('OUTPUT', 'health', from('tcp', healthPort)),
    raw('OUTPUT', 'own-query', [...to('udp', dnsPort), { kind: 'length', octets: OWN_QUERY_OCTETS[local.family] }]),
  ];
};

/** A rule in words that are the same whoever wrote it, and with or without its comment. */
export const meaningOf = (table: TableName, chain: string, rule: Rule): string => {
  const matches = rule.matches
    .filter(({ kind }) => kind !== 'comment')
    .map(canonical)
    .sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
  const target = rule.target.kind === 'notrack' ? NOTRACK : rule.target;
  return `${table} ${chain}${ruleText({ matches, target })}`;
};

const ORDER: readonly Match['kind'][] = [
  'protocol',
  'source',
  'destination',
  'source-port',
  'destination-port',
  'length',
];

const canonical = (match: Match): Match => {
  if (match.kind === 'protocol') return { ...match, isNamed: false };
  if ((match.kind === 'source' || match.kind === 'destination') && !match.range.includes('/'))
    return { ...match, range: addressOf(match.range) };
  return match;
};

/** Where and what, as one line for a reader and for the log. */
export const shownRule = ({ table, chain, rule }: OwnRule): string => `-t ${table} -I ${chain}${ruleText(rule)}`;
