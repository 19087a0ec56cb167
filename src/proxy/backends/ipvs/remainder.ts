import { type Chain, comment, jump, type Match, type Rule, type Target } from '#netfilter/iptables/rule.ts';
import type { LocalTraffic, RuleOptions } from '../../rule-options.ts';
import type { Blocked, IpvsPlan } from './plan.ts';
import { SETS, type SetKey } from './sets.ts';

/** A jump from a built-in chain, with the comment by which kube-proxy knows it when it cleans up. */
export interface BaseJump {
  readonly table: 'nat' | 'filter';
  readonly from: string;
  readonly rule: Rule;
}

const baseJump = (table: BaseJump['table'], from: string, to: string, why: string): BaseJump => ({
  table,
  from,
  rule: { matches: [comment(why)], target: jump(to) },
});

/** In the order in which they stand in their chains. */
export const BASE_JUMPS: readonly BaseJump[] = [
  baseJump('nat', 'PREROUTING', 'KUBE-SERVICES', 'kubernetes service portals'),
  baseJump('nat', 'OUTPUT', 'KUBE-SERVICES', 'kubernetes service portals'),
  baseJump('nat', 'POSTROUTING', 'KUBE-POSTROUTING', 'kubernetes postrouting rules'),
  baseJump('filter', 'INPUT', 'KUBE-IPVS-FILTER', 'kubernetes ipvs access filter'),
  baseJump('filter', 'INPUT', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'),
  baseJump('filter', 'INPUT', 'KUBE-NODE-PORT', 'kubernetes health check rules'),
  baseJump('filter', 'FORWARD', 'KUBE-PROXY-FIREWALL', 'kube-proxy firewall rules'),
  baseJump('filter', 'FORWARD', 'KUBE-FORWARD', 'kubernetes forwarding rules'),
  baseJump('filter', 'OUTPUT', 'KUBE-IPVS-OUT-FILTER', 'kubernetes ipvs access filter'),
];

/** Chains of ours, by table; all are written each time, there are never more. */
export interface Remainder {
  readonly nat: readonly Chain[];
  readonly filter: readonly Chain[];
}

/** The iptables rules that IPVS needs beside it. Their number does not grow with Services: what Services own is in sets. */
export const remainder = (plan: IpvsPlan, options: RuleOptions): Remainder => {
  const rules = new Rules(plan);
  return {
    nat: [
      { name: 'KUBE-SERVICES', rules: serviceRules(rules, options) },
      {
        name: 'KUBE-LOAD-BALANCER',
        rules: [...rules.asking('KUBE-LOAD-BALANCER-LOCAL', 'dst,dst', RETURN), { matches: [], target: MARK }],
      },
      { name: 'KUBE-NODE-PORT', rules: nodePortRules(rules) },
      { name: 'KUBE-POSTROUTING', rules: postroutingRules(rules, options) },
      {
        name: 'KUBE-MARK-MASQ',
        rules: [{ matches: [], target: { kind: 'mark', operation: 'or', value: options.masqueradeMark } }],
      },
    ],
    filter: [
      { name: 'KUBE-FORWARD', rules: forwardRules(options) },
      { name: 'KUBE-NODE-PORT', rules: [rules.ask('KUBE-HEALTH-CHECK-NODE-PORT', 'dst', ACCEPT)] },
      {
        name: 'KUBE-PROXY-FIREWALL',
        rules: rules.asking('KUBE-LOAD-BALANCER-FW', 'dst,dst', jump('KUBE-SOURCE-RANGES-FIREWALL')),
      },
      {
        name: 'KUBE-SOURCE-RANGES-FIREWALL',
        rules: [
          ...rules.asking('KUBE-LOAD-BALANCER-SOURCE-CIDR', 'dst,dst,src', RETURN),
          ...rules.asking('KUBE-LOAD-BALANCER-SOURCE-IP', 'dst,dst,src', RETURN),
          { matches: [], target: DROP },
        ],
      },
      { name: 'KUBE-IPVS-FILTER', rules: accessRules(rules) },
      { name: 'KUBE-IPVS-OUT-FILTER', rules: plan.blocked.map(blockedRule) },
    ],
  };
};

const RETURN: Target = { kind: 'return' };
const ACCEPT: Target = { kind: 'accept' };
const DROP: Target = { kind: 'drop' };
const MARK: Target = jump('KUBE-MARK-MASQ');

const COMMENTS: ReadonlyMap<string, string> = new Map(SETS.map(([key, , what]) => [key, what]));

/** Makes rules that ask sets. */
class Rules {
  readonly #plan: IpvsPlan;

  constructor(plan: IpvsPlan) {
    this.#plan = plan;
  }

  ask(
    key: SetKey,
    directions: string,
    target: Target,
    first: readonly Match[] = [],
    last: readonly Match[] = [],
  ): Rule {
    const set: Match = {
      kind: 'set',
      set: this.#plan.sets.get(key)?.name ?? key,
      directions: directions.split(',') as ('src' | 'dst')[],
      isNot: false,
    };
    return { matches: [...first, comment(COMMENTS.get(key) ?? key), set, ...last], target };
  }

  /** The same, but none where nothing is in the set. */
  asking(...of: Parameters<Rules['ask']>): readonly Rule[] {
    return this.#plan.sets.get(of[0])?.members.size ? [this.ask(...of)] : [];
  }
}

const serviceRules = (rules: Rules, options: RuleOptions): readonly Rule[] => {
  const isLocal: Match = { kind: 'local-address', side: 'dst', isNot: false };
  return [
    // Not for IPVS: it can't send what comes from loopback anywhere else.
    {
      matches: [{ kind: 'source', range: options.family === 'IPv4' ? '127.0.0.0/8' : '::1/128', isNot: false }],
      target: RETURN,
    },
    ...rules.asking('KUBE-LOAD-BALANCER', 'dst,dst', jump('KUBE-LOAD-BALANCER')),
    ...clusterIPMasquerade(rules, options),
    ...rules.asking('KUBE-EXTERNAL-IP', 'dst,dst', MARK),
    // Here kube-proxy first accepts what comes from off the machine, and then what goes to an address of it. All external IPs are that:
    // IPVS has them on kube-ipvs0, or another interface has them.
    ...rules.asking('KUBE-EXTERNAL-IP', 'dst,dst', ACCEPT, [], [isLocal]),
    ...rules.asking('KUBE-EXTERNAL-IP-LOCAL', 'dst,dst', ACCEPT, [], [isLocal]),
    { matches: [isLocal], target: jump('KUBE-NODE-PORT') },
    ...rules.asking('KUBE-CLUSTER-IP', 'dst,dst', ACCEPT),
    ...rules.asking('KUBE-LOAD-BALANCER', 'dst,dst', ACCEPT),
  ];
};

/** What comes from outside to a cluster IP has to be answered through this node. */
const clusterIPMasquerade = (rules: Rules, { masqueradeAll, localTraffic }: RuleOptions): readonly Rule[] => {
  if (masqueradeAll) return rules.asking('KUBE-CLUSTER-IP', 'dst,dst', MARK);
  const notLocal = notFromPods(localTraffic);
  if (notLocal !== null) return rules.asking('KUBE-CLUSTER-IP', 'dst,dst', MARK, [], [notLocal]);
  // The node reaches an address of kube-ipvs0 with that very address as its source, which no endpoint could answer.
  return rules.asking('KUBE-CLUSTER-IP', 'src,dst', MARK);
};

const notFromPods = (local: LocalTraffic): Match | null => {
  switch (local.by) {
    case 'none':
      return null;
    case 'cidr':
      return { kind: 'source', range: local.cidr, isNot: true };
    case 'interface':
      return { kind: 'in-interface', name: local.name, isNot: true };
    case 'interface-prefix':
      return { kind: 'in-interface', name: `${local.prefix}+`, isNot: true };
  }
};

const nodePortRules = (rules: Rules): readonly Rule[] =>
  (['tcp', 'udp', 'sctp'] as const).flatMap((protocol) => {
    const first: Match[] = [{ kind: 'protocol', protocol, isNamed: false }];
    const [all, local, directions] = NODE_PORT_SETS[protocol];
    return [...rules.asking(local, directions, RETURN, first), ...rules.asking(all, directions, MARK, first)];
  });

const NODE_PORT_SETS = {
  tcp: ['KUBE-NODE-PORT-TCP', 'KUBE-NODE-PORT-LOCAL-TCP', 'dst'],
  udp: ['KUBE-NODE-PORT-UDP', 'KUBE-NODE-PORT-LOCAL-UDP', 'dst'],
  sctp: ['KUBE-NODE-PORT-SCTP-HASH', 'KUBE-NODE-PORT-LOCAL-SCTP-HASH', 'dst,dst'],
} as const;

const postroutingRules = (rules: Rules, { masqueradeMark, hasRandomFully }: RuleOptions): readonly Rule[] => [
  ...rules.asking('KUBE-LOOP-BACK', 'dst,dst,src', { kind: 'masquerade', isFullyRandom: false }),
  { matches: [{ kind: 'mark', value: masqueradeMark, mask: masqueradeMark, isNot: true }], target: RETURN },
  // A packet that comes through the stack once more (in a tunnel) is not masqueraded again.
  { matches: [], target: { kind: 'mark', operation: 'xor', value: masqueradeMark } },
  {
    matches: [comment('kubernetes service traffic requiring SNAT')],
    target: { kind: 'masquerade', isFullyRandom: hasRandomFully },
  },
];

const forwardRules = ({ masqueradeMark }: RuleOptions): readonly Rule[] => [
  {
    matches: [
      comment('kubernetes forwarding rules'),
      { kind: 'mark', value: masqueradeMark, mask: masqueradeMark, isNot: false },
    ],
    target: ACCEPT,
  },
  {
    matches: [
      comment('kubernetes forwarding conntrack rule'),
      { kind: 'conntrack', states: ['RELATED', 'ESTABLISHED'], isNot: false },
    ],
    target: ACCEPT,
  },
];

/** The addresses of kube-ipvs0 are the node's own, so all its ports would be reached by them; only those of Services may. */
const accessRules = (rules: Rules): readonly Rule[] => [
  rules.ask('KUBE-LOAD-BALANCER', 'dst,dst', RETURN),
  rules.ask('KUBE-CLUSTER-IP', 'dst,dst', RETURN),
  rules.ask('KUBE-EXTERNAL-IP', 'dst,dst', RETURN),
  rules.ask('KUBE-EXTERNAL-IP-LOCAL', 'dst,dst', RETURN),
  rules.ask('KUBE-HEALTH-CHECK-NODE-PORT', 'dst', RETURN),
  rules.ask('KUBE-IPVS-IPS', 'dst', { kind: 'reject' }, [{ kind: 'conntrack', states: ['NEW'], isNot: false }]),
];

/** Source and destination of what the node sends to a load balancer's address are that address. */
const blockedRule = ({ address, protocol, port }: Blocked): Rule => ({
  matches: [
    { kind: 'source', range: address, isNot: false },
    { kind: 'virtual-server', address, protocol, port },
  ],
  target: DROP,
});
