import { type Chain, comment, jump, type Match, type Rule, type Target } from '#netfilter/iptables/rule.ts';
import { destinationText } from '#netfilter/iptables/text.ts';
import type { Endpoint, ServicePort } from '../../model/service-port.ts';
import type { LocalTraffic, RuleOptions } from '../../rule-options.ts';
import { endpointChain, MARK_MASQ, serviceHash } from './chain-names.ts';

/** Rules of one ServicePort: what it adds to the chains that all share, and its own chains (table nat). */
export interface ServiceBlock {
  readonly shared: Readonly<Record<SharedChain, readonly Rule[]>>;
  readonly chains: readonly Chain[];
}

/** Chains that every ServicePort may add to: `TABLE/NAME`. */
export type SharedChain =
  | 'filter/KUBE-SERVICES'
  | 'filter/KUBE-EXTERNAL-SERVICES'
  | 'filter/KUBE-NODEPORTS'
  | 'filter/KUBE-PROXY-FIREWALL'
  | 'nat/KUBE-SERVICES'
  | 'nat/KUBE-NODEPORTS';

/** What a block depends on besides its ServicePort. */
export interface BlockOptions extends RuleOptions {
  /** More than 1,000 endpoints: rules for single endpoints go without comments, which are most of the text. */
  readonly isLarge: boolean;
}

/** Rules of one ServicePort, as kube-proxy 1.36 lays them out. */
export const planService = (service: ServicePort, options: BlockOptions): ServiceBlock =>
  new Planner(service, options).block();

/** The counter of packets to node ports of 127.0.0.0/8, which Kubernetes reads before it takes them away. */
export const LOCALHOST_COUNTER = 'localhost_nps_accepted_pkts';
export const LOOPBACK = '127.0.0.0/8';

class Planner {
  readonly #service: ServicePort;
  readonly #options: BlockOptions;
  readonly #names: Readonly<Record<'svc' | 'svl' | 'ext' | 'fw', string>>;
  readonly #protocol: Match;
  /** Some external traffic gets to an endpoint: by its policy, or as internal traffic in disguise. */
  readonly #hasExternalChain: boolean;
  readonly #hasFirewall: boolean;
  /** Names of endpoints' chains: each stands in several rules. */
  readonly #endpointChains = new Map<Endpoint, string>();

  constructor(service: ServicePort, options: BlockOptions) {
    this.#service = service;
    this.#options = options;
    const hash = serviceHash(service);
    this.#names = {
      svc: `KUBE-SVC-${hash}`,
      svl: `KUBE-SVL-${hash}`,
      ext: `KUBE-EXT-${hash}`,
      fw: `KUBE-FW-${hash}`,
    };
    this.#protocol = { kind: 'protocol', protocol: service.protocol, isNamed: true };
    const { externalIPs, loadBalancerIPs, nodePort, hasEndpoints } = service;
    const isExternal = externalIPs.length > 0 || loadBalancerIPs.length > 0 || nodePort !== 0;
    this.#hasExternalChain = isExternal && hasEndpoints && (service.external === 'balance' || this.#hasShortCut);
    this.#hasFirewall = this.#hasExternalChain && loadBalancerIPs.length > 0 && service.sourceRanges.length > 0;
  }

  block(): ServiceBlock {
    return {
      shared: {
        'filter/KUBE-SERVICES': this.#internalRefusal(),
        'filter/KUBE-EXTERNAL-SERVICES': this.#externalRefusals(),
        'filter/KUBE-NODEPORTS': this.#healthCheck(),
        'filter/KUBE-PROXY-FIREWALL': this.#firewallDrops(),
        'nat/KUBE-SERVICES': this.#addresses(),
        'nat/KUBE-NODEPORTS': this.#nodePort(),
      },
      chains: this.#chains(),
    };
  }

  /** With policy Local, this node and its pods may use any endpoint from here. */
  get #hasShortCut(): boolean {
    const { externalPolicy, clusterEndpoints } = this.#service;
    return externalPolicy === 'Local' && clusterEndpoints.length > 0;
  }

  #internalRefusal(): Rule[] {
    const { internal, clusterIP, port } = this.#service;
    if (internal === 'balance') return [];
    return [rule([this.#refusalComment(internal), ...this.#entry(clusterIP, port)], { kind: internal })];
  }

  #externalRefusals(): Rule[] {
    const { external, externalIPs, loadBalancerIPs, nodePort, port } = this.#service;
    if (external === 'balance') return [];
    const why = this.#refusalComment(external);
    const target: Target = { kind: external };
    const rules = [...externalIPs, ...loadBalancerIPs].map((ip) => rule([why, ...this.#entry(ip, port)], target));
    if (nodePort !== 0) {
      const local: Match = { kind: 'local-address', side: 'dst', isNot: false };
      rules.push(rule([why, local, this.#protocol, toPort(nodePort)], target));
    }
    return rules;
  }

  #refusalComment(outcome: 'reject' | 'drop'): Match {
    return comment(`${this.#service.label} has no ${outcome === 'drop' ? 'local ' : ''}endpoints`);
  }

  #healthCheck(): Rule[] {
    const { healthCheckNodePort, label } = this.#service;
    if (healthCheckNodePort === 0) return [];
    const tcp: Match = { kind: 'protocol', protocol: 'tcp', isNamed: true };
    return [rule([comment(`${label} health check node port`), tcp, toPort(healthCheckNodePort)], { kind: 'accept' })];
  }

  #firewallDrops(): Rule[] {
    if (!this.#hasFirewall) return [];
    const { loadBalancerIPs, label, port } = this.#service;
    const why = comment(`${label} traffic not accepted by ${this.#names.fw}`);
    return loadBalancerIPs.map((ip) => rule([why, ...this.#entry(ip, port)], { kind: 'drop' }));
  }

  #addresses(): Rule[] {
    const { internal, internalPolicy, clusterIP, externalIPs, loadBalancerIPs, port, label } = this.#service;
    const { svc, svl, ext, fw } = this.#names;
    const to = (what: string, ip: string, chain: string): Rule =>
      rule([comment(`${label} ${what}`), ...this.#entry(ip, port)], jump(chain));
    const rules: Rule[] = [];
    if (internal === 'balance') rules.push(to('cluster IP', clusterIP, internalPolicy === 'Local' ? svl : svc));
    if (!this.#hasExternalChain) return rules;
    for (const ip of externalIPs) rules.push(to('external IP', ip, ext));
    for (const ip of loadBalancerIPs) rules.push(to('loadbalancer IP', ip, this.#hasFirewall ? fw : ext));
    return rules;
  }

  #nodePort(): Rule[] {
    const { nodePort, label } = this.#service;
    if (nodePort === 0 || !this.#hasExternalChain) return [];
    const { hasNfacct, localhostNodePorts, family } = this.#options;
    const why = comment(label);
    const ext = jump(this.#names.ext);
    const rules = [rule([why, this.#protocol, toPort(nodePort)], ext)];
    if (localhostNodePorts && hasNfacct && family === 'IPv4') {
      const counter: Match = { kind: 'nfacct', counter: LOCALHOST_COUNTER };
      rules.unshift(rule([why, this.#protocol, destination(LOOPBACK), toPort(nodePort), counter], ext));
    }
    return rules;
  }

  #chains(): Chain[] {
    const { internal, internalPolicy, clusterEndpoints, localEndpoints } = this.#service;
    const { svc, svl, ext, fw } = this.#names;
    const chains: Chain[] = [];
    const masquerade = internal === 'balance' ? this.#internalMasquerade() : [];
    if (clusterEndpoints.length > 0) {
      const first = internalPolicy === 'Cluster' ? masquerade : [];
      chains.push({ name: svc, rules: [...first, ...this.#balancing(clusterEndpoints)] });
    }
    if (localEndpoints.length > 0) {
      const first = internalPolicy === 'Local' ? masquerade : [];
      chains.push({ name: svl, rules: [...first, ...this.#balancing(localEndpoints)] });
    }
    if (this.#hasExternalChain) chains.push({ name: ext, rules: this.#externalRules() });
    if (this.#hasFirewall) chains.push({ name: fw, rules: this.#firewallRules() });
    for (const endpoint of this.#reachable()) chains.push(this.#endpointChain(endpoint));
    return chains;
  }

  /** Traffic from outside the cluster to a ClusterIP: the endpoint may be on another node, and has to answer through this one. */
  #internalMasquerade(): Rule[] {
    const { clusterIP, port, label } = this.#service;
    const { masqueradeAll, localTraffic } = this.#options;
    const matches = [comment(`${label} cluster IP`), ...this.#entry(clusterIP, port)];
    if (masqueradeAll) return [rule(matches, jump(MARK_MASQ))];
    return localMatch(localTraffic, true).map((notLocal) => rule([...matches, notLocal], jump(MARK_MASQ)));
  }

  #externalRules(): Rule[] {
    const { label, external, externalPolicy } = this.#service;
    const { svc, svl } = this.#names;
    if (externalPolicy === 'Cluster') {
      return [
        rule([comment(`masquerade traffic for ${label} external destinations`)], jump(MARK_MASQ)),
        rule([], jump(svc)),
      ];
    }
    const rules: Rule[] = [];
    if (this.#hasShortCut) {
      const own: Match = { kind: 'local-address', side: 'src', isNot: false };
      for (const pods of localMatch(this.#options.localTraffic, false)) {
        rules.push(rule([comment(`pod traffic for ${label} external destinations`), pods], jump(svc)));
      }
      rules.push(
        rule([comment(`masquerade LOCAL traffic for ${label} external destinations`), own], jump(MARK_MASQ)),
        rule([comment(`route LOCAL traffic for ${label} external destinations`), own], jump(svc)),
      );
    }
    if (external === 'balance') rules.push(rule([], jump(svl)));
    return rules;
  }

  #firewallRules(): Rule[] {
    const { sourceRanges, hasNodeInSourceRanges, loadBalancerIPs, label } = this.#service;
    const sources = hasNodeInSourceRanges ? [...sourceRanges, ...loadBalancerIPs] : sourceRanges;
    const why = comment(`${label} loadbalancer IP`);
    const ext = jump(this.#names.ext);
    const rules = sources.map((range) => rule([why, { kind: 'source', range, isNot: false }], ext));
    const others = comment(`other traffic to ${label} will be dropped by KUBE-PROXY-FIREWALL`);
    return [...rules, rule([others], { kind: 'none' })];
  }

  #balancing(endpoints: readonly Endpoint[]): Rule[] {
    const { affinitySeconds } = this.#service;
    const targets = endpoints.map((endpoint) => ({
      why: this.#endpointComment(` -> ${destinationText(endpoint.address, endpoint.port)}`),
      chain: this.#chainOf(endpoint),
    }));
    const rules: Rule[] = [];
    if (affinitySeconds > 0) {
      for (const { why, chain } of targets) {
        rules.push(rule([...why, { kind: 'recent-check', list: chain, seconds: affinitySeconds }], jump(chain)));
      }
    }
    targets.forEach(({ why, chain }, index) => {
      const left = targets.length - index;
      const chance: Match[] = left > 1 ? [{ kind: 'random', probability: 1 / left }] : [];
      rules.push(rule([...why, ...chance], jump(chain)));
    });
    return rules;
  }

  #reachable(): Endpoint[] {
    const { clusterEndpoints, localEndpoints } = this.#service;
    if (clusterEndpoints.length === 0) return [...localEndpoints];
    if (localEndpoints.length === 0) return [...clusterEndpoints];
    const known = new Set(clusterEndpoints.map(({ address, port }) => destinationText(address, port)));
    const others = localEndpoints.filter(({ address, port }) => !known.has(destinationText(address, port)));
    return [...clusterEndpoints, ...others];
  }

  #endpointChain(endpoint: Endpoint): Chain {
    const name = this.#chainOf(endpoint);
    const why = this.#endpointComment('');
    const { address, port } = endpoint;
    const affinity: Match[] = this.#service.affinitySeconds > 0 ? [{ kind: 'recent-set', list: name }] : [];
    return {
      name,
      rules: [
        // A pod that gets its own connection back would answer itself, past this node.
        rule([...why, { kind: 'source', range: address, isNot: false }], jump(MARK_MASQ)),
        rule([...why, ...affinity, this.#protocol], { kind: 'dnat', address, port }),
      ],
    };
  }

  #chainOf(endpoint: Endpoint): string {
    const known = this.#endpointChains.get(endpoint);
    if (known !== undefined) return known;
    const name = endpointChain(this.#service, endpoint);
    this.#endpointChains.set(endpoint, name);
    return name;
  }

  #endpointComment(what: string): Match[] {
    return this.#options.isLarge ? [] : [comment(this.#service.label + what)];
  }

  #entry(ip: string, port: number): Match[] {
    return [this.#protocol, destination(ip), toPort(port)];
  }
}

const rule = (matches: readonly Match[], target: Target): Rule => ({ matches, target });
const destination = (range: string): Match => ({ kind: 'destination', range, isNot: false });
const toPort = (port: number): Match => ({ kind: 'destination-port', port });

/** What tells traffic of own pods, or with `isNot` all other; nothing where that is not known. */
const localMatch = (local: LocalTraffic, isNot: boolean): Match[] => {
  switch (local.by) {
    case 'none':
      return [];
    case 'cidr':
      return [{ kind: 'source', range: local.cidr, isNot }];
    case 'interface':
      return [{ kind: 'in-interface', name: local.name, isNot }];
    case 'interface-prefix':
      return [{ kind: 'in-interface', name: `${local.prefix}+`, isNot }];
  }
};
