import ipaddr from 'ipaddr.js';
import { type Chain, comment, jump, type Match, type Rule } from '#netfilter/iptables/rule.ts';
import { ruleText } from '#netfilter/iptables/text.ts';
import type { RuleOptions } from '../../rule-options.ts';
import {
  EXTERNAL_SERVICES,
  FORWARD,
  KUBELET_FIREWALL,
  MARK_MASQ,
  NODE_PORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
} from './chain-names.ts';
import { LOOPBACK } from './plan.ts';

/** A rule in a built-in chain that leads to one of ours. */
export interface BaseJump {
  readonly table: 'filter' | 'nat';
  readonly from: string;
  readonly rule: Rule;
}

/** Tables that have our chains; every one of them has a canary. */
export const CANARY_TABLES = ['mangle', 'nat', 'filter'] as const;

/** The counter of packets that conntrack called invalid. */
export const INVALID_COUNTER = 'ct_state_invalid_dropped_pkts';

const isNew: Match = { kind: 'conntrack', states: ['NEW'], isNot: false };

const baseJump = (table: BaseJump['table'], from: string, to: string, why: string, first: readonly Match[] = []) => ({
  table,
  from,
  rule: { matches: why === '' ? first : [...first, comment(why)], target: jump(to) },
});

/** In the order in which they stand in their chains, before what others have there. */
const JUMPS: readonly BaseJump[] = [
  baseJump('filter', 'INPUT', PROXY_FIREWALL, 'kubernetes load balancer firewall', [isNew]),
  baseJump('filter', 'INPUT', NODE_PORTS, 'kubernetes health check service ports'),
  baseJump('filter', 'INPUT', EXTERNAL_SERVICES, 'kubernetes externally-visible service portals', [isNew]),
  baseJump('filter', 'FORWARD', PROXY_FIREWALL, 'kubernetes load balancer firewall', [isNew]),
  baseJump('filter', 'FORWARD', FORWARD, 'kubernetes forwarding rules'),
  baseJump('filter', 'FORWARD', SERVICES, 'kubernetes service portals', [isNew]),
  baseJump('filter', 'FORWARD', EXTERNAL_SERVICES, 'kubernetes externally-visible service portals', [isNew]),
  baseJump('filter', 'OUTPUT', PROXY_FIREWALL, 'kubernetes load balancer firewall', [isNew]),
  baseJump('filter', 'OUTPUT', SERVICES, 'kubernetes service portals', [isNew]),
  baseJump('nat', 'PREROUTING', SERVICES, 'kubernetes service portals'),
  baseJump('nat', 'OUTPUT', SERVICES, 'kubernetes service portals'),
  baseJump('nat', 'POSTROUTING', POSTROUTING, 'kubernetes postrouting rules'),
];

const KUBELET_JUMPS: readonly BaseJump[] = [
  baseJump('filter', 'INPUT', KUBELET_FIREWALL, ''),
  baseJump('filter', 'OUTPUT', KUBELET_FIREWALL, ''),
];

/** The jumps from built-in chains. */
export const baseJumps = ({ family }: RuleOptions): readonly BaseJump[] =>
  family === 'IPv4' ? [...KUBELET_JUMPS, ...JUMPS] : JUMPS;

/** Chains that kubelet makes: where it has not, they are made as it does, and otherwise left alone. */
export const kubeletChains = ({ family }: RuleOptions): readonly Chain[] =>
  family === 'IPv4' ? [{ name: KUBELET_FIREWALL, rules: [LOCALHOST_GUARD] }] : [];

/** The line that adds a jump before all that is in its chain. */
export const jumpLine = ({ from, rule }: BaseJump): string => `-I ${from}${ruleText(rule)}`;

/** A chain's jumps in the order in which they have to be put before one another. */
export const insertionOrder = (jumps: readonly BaseJump[]): BaseJump[] => [...jumps].reverse();

/** Node ports of 127.0.0.1 need `route_localnet`, and with it other machines could reach what listens there: CVE-2020-8558. */
export const guardsLocalhost = ({ localhostNodePorts, family }: RuleOptions): boolean =>
  localhostNodePorts && family === 'IPv4';

/** Chains of the table filter that no Service owns; of those that Services add to, what comes after. */
export const filterFrame = (options: RuleOptions): readonly Chain[] => [
  { name: NODE_PORTS, rules: [] },
  { name: SERVICES, rules: [] },
  { name: EXTERNAL_SERVICES, rules: [] },
  ...(guardsLocalhost(options) ? kubeletChains(options) : []),
  { name: FORWARD, rules: forwardRules(options) },
  { name: PROXY_FIREWALL, rules: [] },
];

/** The same of the table nat. */
export const natFrame = (options: RuleOptions): readonly Chain[] => [
  { name: NODE_PORTS, rules: [] },
  { name: SERVICES, rules: nodePortJumps(options) },
  { name: MARK_MASQ, rules: [markRule(options)] },
  { name: POSTROUTING, rules: postroutingRules(options) },
];

const LOCALHOST_GUARD: Rule = {
  matches: [
    comment('block incoming localnet connections'),
    { kind: 'destination', range: LOOPBACK, isNot: false },
    { kind: 'source', range: LOOPBACK, isNot: true },
    { kind: 'conntrack', states: ['RELATED', 'ESTABLISHED', 'DNAT'], isNot: true },
  ],
  target: { kind: 'drop' },
};

const forwardRules = (options: RuleOptions): Rule[] => {
  const accept = { kind: 'accept' } as const;
  const marked: Match = {
    kind: 'mark',
    value: options.masqueradeMark,
    mask: options.masqueradeMark,
    isNot: false,
  };
  const known: Match = { kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'], isNot: false };
  return [
    // A packet that conntrack does not take for a part of its connection is not translated back, and what it reaches resets the connection.
    ...(options.conntrackTcpBeLiberal ? [] : [invalidDrop(options)]),
    { matches: [comment('kubernetes forwarding rules'), marked], target: accept },
    { matches: [comment('kubernetes forwarding conntrack rule'), known], target: accept },
  ];
};

const invalidDrop = ({ hasNfacct }: RuleOptions): Rule => {
  const invalid: Match = { kind: 'conntrack', states: ['INVALID'], isNot: false };
  const counter: Match[] = hasNfacct ? [{ kind: 'nfacct', counter: INVALID_COUNTER }] : [];
  return { matches: [invalid, ...counter], target: { kind: 'drop' } };
};

const markRule = ({ masqueradeMark }: RuleOptions): Rule => ({
  matches: [],
  target: { kind: 'mark', operation: 'or', value: masqueradeMark },
});

const postroutingRules = ({ masqueradeMark, hasRandomFully }: RuleOptions): Rule[] => [
  {
    matches: [{ kind: 'mark', value: masqueradeMark, mask: masqueradeMark, isNot: true }],
    target: { kind: 'return' },
  },
  // Off again, so that a packet that comes by once more inside a tunnel is not masqueraded a second time.
  { matches: [], target: { kind: 'mark', operation: 'xor', value: masqueradeMark } },
  {
    matches: [comment('kubernetes service traffic requiring SNAT')],
    target: { kind: 'masquerade', isFullyRandom: hasRandomFully },
  },
];

/** Node ports come after all addresses: a rule for each address that they answer on, or one for all. */
const nodePortJumps = (options: RuleOptions): Rule[] => {
  const why = comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain');
  const target = jump(NODE_PORTS);
  if (options.nodePortAddresses !== 'all') {
    return options.nodePortAddresses
      .filter((address) => guardsLocalhost(options) || ipaddr.parse(address).range() !== 'loopback')
      .map((range) => ({ matches: [why, { kind: 'destination', range, isNot: false }], target }));
  }
  const matches: Match[] = [why, { kind: 'local-address', side: 'dst', isNot: false }];
  if (options.family === 'IPv6') matches.push({ kind: 'destination', range: '::1/128', isNot: true });
  else if (!options.localhostNodePorts) matches.push({ kind: 'destination', range: LOOPBACK, isNot: true });
  return [{ matches, target }];
};
