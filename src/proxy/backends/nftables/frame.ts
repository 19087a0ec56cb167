import type {
  Chain,
  Element,
  Field,
  Frame,
  Hook,
  NamedSet,
  Protocol,
  Rule,
  Statement,
  TableFamily,
} from '#netfilter/nft/ruleset.ts';
import type { LocalTraffic, RuleOptions } from '../../rule-options.ts';
import { tableOf } from './names.ts';

/** `map-only`: Services are elements. `per-service`: each Service has chains, as kube-proxy 1.36 lays them out. */
export type Layout = 'map-only' | 'per-service';

const ENTRY: readonly Field[] = ['daddr', 'protocol', 'dport'];
const NODE_PORT: readonly Field[] = ['protocol', 'dport'];

/** What is there whatever Services there are: sets, base chains, and chains with fixed rules. */
export const frameOf = (options: RuleOptions, layout: Layout): Frame => {
  const table = tableOf(options.family);
  return {
    table,
    comment: 'rules for kube-proxy',
    sets: [
      ...(options.nodePortAddresses === 'all' ? [] : [nodePortIps(table.family)]),
      ...commonSets(table.family),
      ...(layout === 'map-only' ? slotMaps(table.family) : []),
    ],
    chains: [
      ...baseChains(options),
      ...dispatchChains(options),
      ...filterChains(options, layout),
      ...(layout === 'map-only' ? localChains(options) : []),
    ],
  };
};

/** Elements that belong to the node, not to a Service. */
export const frameElements = ({ nodePortAddresses }: RuleOptions): readonly Element[] =>
  nodePortAddresses === 'all'
    ? []
    : [...new Set(nodePortAddresses)].map((key) => ({ set: 'nodeport-ips', key, value: '' }));

export const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp'];

/** Chains for a number of endpoints, by what their names begin with: which maps have the slots, or which chain of that number comes next. */
const NUMBER_FORMS = {
  cluster: { key: ['daddr'], map: 'endpoints' },
  external: { marksFor: 'cluster' },
  local: { key: ['daddr'], map: 'local-endpoints' },
  nodeport: { marksFor: 'nodeport-cluster' },
  'nodeport-cluster': { key: [], map: 'nodeport-endpoints' },
  'nodeport-local': { key: [], map: 'local-nodeport-endpoints' },
} as const satisfies Readonly<Record<string, { marksFor: string } | { key: readonly Field[]; map: string }>>;
export type NumberForm = keyof typeof NUMBER_FORMS;

/** The map that has slots for this protocol. */
export const slotMap = (map: string, protocol: Protocol): string => `${map}-${protocol}`;

const NUMBER_CHAIN = /^(.+)-(\d+)$/;

/** Whether a name is that of a chain for a number of endpoints. */
export const isNumberChain = (name: string): boolean => {
  const form = NUMBER_CHAIN.exec(name)?.[1];
  return form !== undefined && Object.hasOwn(NUMBER_FORMS, form);
};

/** The chain for a number of endpoints that has this name. */
export const numberChain = (name: string, { masqueradeMark }: RuleOptions): Chain => {
  const [, form = '', number = ''] = NUMBER_CHAIN.exec(name) ?? [];
  const what = NUMBER_FORMS[form as NumberForm];
  if ('marksFor' in what) {
    return { name, rules: [[{ kind: 'set-mark', bit: masqueradeMark }], [goto(`${what.marksFor}-${number}`)]] };
  }
  const rules = PROTOCOLS.map((protocol): Rule => {
    const key: readonly Field[] = [...what.key, { portOf: protocol }, { random: Number(number) }];
    return [{ kind: 'dnat-map', key, map: slotMap(what.map, protocol) }];
  });
  // A packet that was sent here while a transaction took its slot away: the first slot is there as long as any is.
  if (number !== '1') rules.push([goto(`${form}-1`)]);
  return { name, rules };
};

/** What a rule asks to know traffic of own pods; nothing where they can't be told. */
export const fromOwnPods = (localTraffic: LocalTraffic, is: boolean): Statement | undefined => {
  switch (localTraffic.by) {
    case 'none':
      return undefined;
    case 'cidr':
      return { kind: 'address', field: 'saddr', is, ranges: [localTraffic.cidr] };
    case 'interface':
      return { kind: 'interface', is, name: localTraffic.name };
    case 'interface-prefix':
      return { kind: 'interface', is, name: `${localTraffic.prefix}*` };
  }
};

/** External policy Local: own pods and this node take the short cut, all others have to be content with endpoints of this node. */
export const localPolicyRules = (
  { localTraffic, masqueradeMark }: RuleOptions,
  shortCut: Statement,
  local: Statement | undefined,
): readonly Rule[] => {
  const pods = fromOwnPods(localTraffic, true);
  const node: Statement = { kind: 'local', field: 'saddr' };
  return [
    ...(pods === undefined ? [] : [[pods, shortCut]]),
    [node, { kind: 'set-mark', bit: masqueradeMark }],
    [node, shortCut],
    ...(local === undefined ? [] : [[local]]),
  ];
};

export const goto = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'goto', chain } });
const jump = (chain: string): Statement => ({ kind: 'verdict', verdict: { kind: 'jump', chain } });
const lookUp = (key: readonly Field[], map: string): Statement => ({ kind: 'verdict-map', key, map });
const within = (key: readonly Field[], set: string): Statement => ({ kind: 'in', key, is: true, set });

const addressType = (family: TableFamily): string => (family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr');

const set = (name: string, type: string, about: string): NamedSet => ({
  name,
  kind: 'set',
  declaration: [`type ${type}`],
  about,
});
const map = (name: string, type: string, about: string): NamedSet => ({
  name,
  kind: 'map',
  declaration: [`type ${type} : verdict`],
  about,
});

const commonSets = (family: TableFamily): readonly NamedSet[] => {
  const address = addressType(family);
  const entry = `${address} . inet_proto . inet_service`;
  const nodePort = 'inet_proto . inet_service';
  return [
    set('cluster-ips', address, 'ClusterIPs: what else is sent to them is rejected'),
    map('service-ips', entry, 'address . protocol . port of a Service -> where its endpoints are chosen'),
    map('service-nodeports', nodePort, 'likewise for node ports'),
    map('no-endpoint-services', entry, 'entries without endpoints that may be used: rejected or dropped'),
    map('no-endpoint-nodeports', nodePort, 'likewise for node ports'),
    map('firewall-ips', entry, 'addresses of load balancers that only some may use'),
    set(
      'hairpin-connections',
      `${address} . ${address} . inet_proto . inet_service`,
      'endpoints of this node: one that is sent back to itself is masqueraded',
    ),
  ];
};

/**
 * A slot has no type that could be named, so `typeof` has to say what is in these maps; and as nft evaluates that in each rule that is added
 * later, it has to name the protocol: a map for each.
 */
const slotMaps = (family: TableFamily): readonly NamedSet[] => {
  const address = addressType(family);
  const entry = `${address} . inet_proto . inet_service`;
  const nodePort = 'inet_proto . inet_service';
  const slots = (name: string, key: string, about: string): readonly NamedSet[] =>
    PROTOCOLS.map((protocol) => ({
      name: slotMap(name, protocol),
      kind: 'map',
      declaration: [`typeof ${key}${protocol} dport . numgen random mod 2 : ${family} daddr . ${protocol} dport`],
      about,
    }));
  const daddr = `${family} daddr . `;
  return [
    ...slots('endpoints', daddr, 'address . port of a Service . slot -> endpoint'),
    ...slots('nodeport-endpoints', '', 'node port . slot -> endpoint'),
    map('short-cut-ips', entry, 'external policy Local: for own pods and this node'),
    map('local-ips', entry, 'external policy Local: for all others'),
    ...slots('local-endpoints', daddr, 'external policy Local: address . port . slot -> endpoint of this node'),
    map('short-cut-nodeports', nodePort, 'external policy Local: for own pods and this node'),
    map('local-nodeports', nodePort, 'external policy Local: for all others'),
    ...slots('local-nodeport-endpoints', '', 'external policy Local: node port . slot -> endpoint of this node'),
    {
      name: 'source-ranges',
      kind: 'set',
      declaration: [`type ${entry} . ${address}`, 'flags interval'],
      isInterval: true,
      about: 'entry . range of clients that may use it',
    },
  ];
};

const nodePortIps = (family: TableFamily): NamedSet =>
  set('nodeport-ips', addressType(family), 'addresses of this node that node ports answer on');

/** Before DNAT of kube-proxy (-100), so that what was asked is still to be seen. */
const BEFORE_DNAT = -110;

const baseChains = (options: RuleOptions): readonly Chain[] => {
  const base = (type: 'filter' | 'nat', hook: Hook, priority: number, rules: readonly Rule[], suffix = ''): Chain => ({
    name: `${type}-${hook}${suffix}`,
    base: { type, hook, priority },
    rules,
  });
  const isNew: Statement = { kind: 'new' };
  const firewall = [[isNew, jump('firewall-check')]];
  const services: Rule = [isNew, jump('service-endpoints-check')];
  const clusterIps: Rule = [isNew, jump('cluster-ips-check')];
  return [
    base('filter', 'prerouting', BEFORE_DNAT, firewall, '-pre-dnat'),
    base('filter', 'output', BEFORE_DNAT, firewall, '-pre-dnat'),
    base('nat', 'prerouting', -100, [[jump('services')]]),
    base('nat', 'output', -100, [[jump('services')], ...localhostRules(options, 'service-nodeports')]),
    base('filter', 'input', 0, [...localhostGuard(options), [isNew, jump('nodeport-endpoints-check')], services]),
    base('filter', 'forward', 0, [services, clusterIps]),
    base('filter', 'output', 0, [services, clusterIps]),
    base('nat', 'postrouting', 100, [[jump('masquerading')]]),
  ];
};

const LOOPBACK = '127.0.0.0/8';

const hasLocalhost = ({ family, localhostNodePorts }: RuleOptions): boolean => localhostNodePorts && family === 'IPv4';

/** Only for the node itself, so only on its way out. */
const localhostRules = (options: RuleOptions, nodePorts: string): readonly Rule[] =>
  hasLocalhost(options)
    ? [[{ kind: 'address', field: 'daddr', is: true, ranges: [LOOPBACK] }, lookUp(NODE_PORT, nodePorts)]]
    : [];

/** route_localnet lets neighbours send to 127.0.0.0/8 (CVE-2020-8558). */
const localhostGuard = (options: RuleOptions): readonly Rule[] =>
  hasLocalhost(options)
    ? [
        [
          { kind: 'address', field: 'saddr', is: false, ranges: [LOOPBACK] },
          { kind: 'address', field: 'daddr', is: true, ranges: [LOOPBACK] },
          { kind: 'new' },
          { kind: 'translated', is: false },
          { kind: 'verdict', verdict: { kind: 'drop' } },
        ],
      ]
    : [];

/** Tells addresses that node ports answer on. */
const toNodePorts = ({ family, nodePortAddresses }: RuleOptions): readonly Statement[] =>
  nodePortAddresses === 'all'
    ? [
        { kind: 'local', field: 'daddr' },
        { kind: 'address', field: 'daddr', is: false, ranges: [family === 'IPv6' ? '::1' : LOOPBACK] },
      ]
    : [within(['daddr'], 'nodeport-ips')];

const dispatchChains = (options: RuleOptions): readonly Chain[] => [
  {
    name: 'services',
    rules: [
      ...masqueradeRules(options),
      [lookUp(ENTRY, 'service-ips')],
      [...toNodePorts(options), lookUp(NODE_PORT, 'service-nodeports')],
    ],
    about: 'who is to be masqueraded, and where to',
  },
  {
    name: 'masquerading',
    rules: [
      [
        { kind: 'marked', bit: options.masqueradeMark },
        { kind: 'clear-mark', bit: options.masqueradeMark },
        { kind: 'masquerade' },
      ],
      [
        { kind: 'translated', is: true },
        within(['saddr', 'daddr', 'protocol', 'dport'], 'hairpin-connections'),
        { kind: 'masquerade' },
      ],
    ],
    about: 'hides clients behind an address of this node, where replies would not come back else',
  },
];

const masqueradeRules = ({ masqueradeAll, localTraffic, masqueradeMark }: RuleOptions): readonly Rule[] => {
  const toClusterIps = within(['daddr'], 'cluster-ips');
  const mark: Statement = { kind: 'set-mark', bit: masqueradeMark };
  if (masqueradeAll) return [[toClusterIps, mark]];
  const others = fromOwnPods(localTraffic, false);
  return others === undefined ? [] : [[toClusterIps, others, mark]];
};

const filterChains = (options: RuleOptions, layout: Layout): readonly Chain[] => [
  { name: 'firewall-check', rules: [[lookUp(ENTRY, 'firewall-ips')]], about: 'source ranges of load balancers' },
  ...(layout === 'map-only'
    ? [
        {
          name: 'source-ranges-check',
          rules: [
            [
              { kind: 'in', key: [...ENTRY, 'saddr'], is: false, set: 'source-ranges' },
              { kind: 'verdict', verdict: { kind: 'drop' } },
            ],
          ] satisfies readonly Rule[],
        },
      ]
    : []),
  {
    name: 'nodeport-endpoints-check',
    rules: [
      [...toNodePorts(options), lookUp(NODE_PORT, 'no-endpoint-nodeports')],
      ...localhostRules(options, 'no-endpoint-nodeports'),
    ],
  },
  { name: 'service-endpoints-check', rules: [[lookUp(ENTRY, 'no-endpoint-services')]] },
  {
    name: 'cluster-ips-check',
    rules: [
      [within(['daddr'], 'cluster-ips'), { kind: 'reject' }],
      ...options.serviceCidrs.map(
        (range): Rule => [
          { kind: 'address', field: 'daddr', is: true, ranges: [range] },
          { kind: 'verdict', verdict: { kind: 'drop' } },
        ],
      ),
    ],
    about: 'what no Service took: ports that a ClusterIP has not, and addresses that are no ClusterIP yet',
  },
  { name: 'reject-chain', rules: [[{ kind: 'reject' }]] },
];

const localChains = (options: RuleOptions): readonly Chain[] => [
  {
    name: 'external-local',
    rules: localPolicyRules(options, lookUp(ENTRY, 'short-cut-ips'), lookUp(ENTRY, 'local-ips')),
    about: 'external policy Local',
  },
  {
    name: 'nodeport-local',
    rules: localPolicyRules(options, lookUp(NODE_PORT, 'short-cut-nodeports'), lookUp(NODE_PORT, 'local-nodeports')),
    about: 'external policy Local, by node port',
  },
];
