import type { Chain, NamedSet, Rule } from '#netfilter/nft/ruleset.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { goto, localPolicyRules } from './frame.ts';
import { endpointName, serviceChain } from './names.ts';

interface ServiceChains {
  readonly chains: readonly Chain[];
  readonly sets: readonly NamedSet[];
}

/** Chains of one Service, as kube-proxy 1.36 lays them out. */
export const serviceChains = (port: ServicePort, options: RuleOptions): ServiceChains => {
  const { clusterEndpoints, localEndpoints, internalPolicy, externalPolicy } = port;
  const isExternal = port.nodePort > 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0;
  const isInternal = port.internal === 'balance';
  const hasExternal = isExternal && port.external === 'balance';
  const usesCluster = clusterEndpoints.length > 0 && (isExternal || (isInternal && internalPolicy === 'Cluster'));
  const usesLocal =
    localEndpoints.length > 0 &&
    ((isInternal && internalPolicy === 'Local') || (hasExternal && externalPolicy === 'Local'));

  const lists = [...(usesCluster ? [clusterEndpoints] : []), ...(usesLocal ? [localEndpoints] : [])];
  const own = port.affinitySeconds > 0 ? affinityChains(port, lists.flat()) : { chains: [], sets: [] };
  return {
    chains: [
      ...own.chains,
      ...(usesCluster ? [{ name: serviceChain('service', port), rules: choiceRules(port, clusterEndpoints) }] : []),
      ...(usesLocal ? [{ name: serviceChain('local', port), rules: choiceRules(port, localEndpoints) }] : []),
      ...(isExternal && (usesCluster || usesLocal) ? [externalChain(port, options, usesCluster, hasExternal)] : []),
    ],
    sets: own.sets,
  };
};

/** kube-proxy leaves it to nft, which takes as many. */
const MAX_CLIENTS = 65535;

/** A chain an endpoint, and a set of the clients that stay with it. */
const affinityChains = (port: ServicePort, endpoints: readonly Endpoint[]): ServiceChains => {
  const chains = new Map<string, Chain>();
  const sets: NamedSet[] = [];
  for (const endpoint of endpoints) {
    const name = endpointName('endpoint', port, endpoint);
    if (chains.has(name)) continue;
    const set = endpointName('affinity', port, endpoint);
    const { protocol, family, affinitySeconds } = port;
    chains.set(name, {
      name,
      rules: [
        [{ kind: 'remember', set }],
        [
          { kind: 'protocol', is: protocol },
          { kind: 'dnat', targets: [endpoint] },
        ],
      ],
    });
    sets.push({
      name: set,
      kind: 'set',
      declaration: [
        `type ${family === 'IPv6' ? 'ipv6_addr' : 'ipv4_addr'}`,
        `size ${MAX_CLIENTS}`,
        'flags dynamic,timeout',
        `timeout ${durationText(affinitySeconds)}`,
      ],
      isDynamic: true,
    });
  }
  return { chains: [...chains.values()], sets };
};

const choiceRules = (port: ServicePort, endpoints: readonly Endpoint[]): readonly Rule[] => {
  if (port.affinitySeconds === 0)
    return [
      [
        { kind: 'protocol', is: port.protocol },
        { kind: 'dnat', targets: endpoints },
      ],
    ];
  const chains = endpoints.map((endpoint) => endpointName('endpoint', port, endpoint));
  return [
    ...endpoints.map(
      (endpoint, index): Rule => [
        { kind: 'in', key: ['saddr'], is: true, set: endpointName('affinity', port, endpoint) },
        goto(String(chains[index])),
      ],
    ),
    [{ kind: 'random-chain', chains }],
  ];
};

const externalChain = (port: ServicePort, options: RuleOptions, usesCluster: boolean, hasExternal: boolean): Chain => {
  const name = serviceChain('external', port);
  const cluster = goto(serviceChain('service', port));
  if (port.externalPolicy === 'Cluster')
    return { name, rules: [[{ kind: 'set-mark', bit: options.masqueradeMark }], [cluster]] };
  const local = hasExternal ? goto(serviceChain('local', port)) : undefined;
  return {
    name,
    rules: usesCluster ? localPolicyRules(options, cluster, local) : local === undefined ? [] : [[local]],
  };
};

/** `10800` is `3h`, as nft lists it. */
const durationText = (seconds: number): string => {
  const parts: readonly (readonly [string, number])[] = [
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['m', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ];
  return parts.map(([unit, count]) => (count > 0 ? `${count}${unit}` : '')).join('');
};
