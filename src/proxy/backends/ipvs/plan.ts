import ipaddr from 'ipaddr.js';
import { type IpSet, portMember, rangeMember } from '#netfilter/ipset/ip-set.ts';
import { serviceText, type VirtualServer } from '#netfilter/ipvs/virtual-server.ts';
import type { Endpoint, ServicePort, ServicePorts } from '../../model/service-port.ts';
import type { RuleOptions } from '../../rule-options.ts';
import { type SetKey, SetsInWork } from './sets.ts';

/** The link that holds the addresses of Services, so that the kernel takes packets to them for its own. */
export const LINK = 'kube-ipvs0';

/** An address and port of a load balancer that this node itself may not use. */
export interface Blocked {
  readonly address: string;
  readonly protocol: ServicePort['protocol'];
  readonly port: number;
}

/** All but the iptables rules, which follow from it (remainder.ts). */
export interface IpvsPlan {
  /** Of `LINK`. */
  readonly addresses: ReadonlySet<string>;
  readonly sets: ReadonlyMap<SetKey, IpSet>;
  /** By their `serviceText`. */
  readonly virtualServers: ReadonlyMap<string, VirtualServer>;
  readonly blocked: readonly Blocked[];
}

export const plan = (services: ServicePorts, options: RuleOptions): IpvsPlan => {
  const work = new PlanInWork(options);
  for (const key of [...services.keys()].sort()) work.take(services.get(key) as ServicePort);
  return work.finish();
};

class PlanInWork {
  readonly #options: RuleOptions;
  readonly #nodeAddresses: ReadonlySet<string>;
  readonly #nodePortAddresses: readonly string[];
  readonly #addresses = new Set<string>();
  readonly #sets = new SetsInWork();
  readonly #virtualServers = new Map<string, VirtualServer>();
  readonly #blocked: Blocked[] = [];

  constructor(options: RuleOptions) {
    this.#options = options;
    this.#nodeAddresses = new Set(options.ipvs?.nodeAddresses);
    this.#nodePortAddresses = nodePortAddresses(options);
  }

  take(service: ServicePort): void {
    for (const { address, port, isLocal } of [...service.clusterEndpoints, ...service.localEndpoints])
      if (isLocal) this.#sets.add('KUBE-LOOP-BACK', `${portMember(address, service.protocol, port)},${address}`);
    this.#clusterIP(service);
    this.#externalIPs(service);
    this.#loadBalancers(service);
    this.#nodePort(service);
    if (service.healthCheckNodePort !== 0)
      this.#sets.add('KUBE-HEALTH-CHECK-NODE-PORT', String(service.healthCheckNodePort));
  }

  finish(): IpvsPlan {
    for (const address of this.#addresses) this.#sets.add('KUBE-IPVS-IPS', address);
    return {
      addresses: this.#addresses,
      sets: this.#sets.of(this.#options.family),
      virtualServers: this.#virtualServers,
      blocked: this.#blocked,
    };
  }

  #clusterIP(service: ServicePort): void {
    const { clusterIP, protocol, port } = service;
    this.#sets.add('KUBE-CLUSTER-IP', portMember(clusterIP, protocol, port));
    this.#addresses.add(clusterIP);
    this.#serve(service, clusterIP, port, internalEndpoints(service));
  }

  #externalIPs(service: ServicePort): void {
    const key = service.externalPolicy === 'Local' ? 'KUBE-EXTERNAL-IP-LOCAL' : 'KUBE-EXTERNAL-IP';
    for (const address of service.externalIPs) {
      this.#sets.add(key, portMember(address, service.protocol, service.port));
      this.#bind(address);
      this.#serve(service, address, service.port, externalEndpoints(service));
    }
  }

  #loadBalancers(service: ServicePort): void {
    const { protocol, port, sourceRanges } = service;
    for (const address of service.loadBalancerIPs) {
      const entry = portMember(address, protocol, port);
      this.#sets.add('KUBE-LOAD-BALANCER', entry);
      if (service.externalPolicy === 'Local') this.#sets.add('KUBE-LOAD-BALANCER-LOCAL', entry);
      if (sourceRanges.length > 0) {
        this.#sets.add('KUBE-LOAD-BALANCER-FW', entry);
        for (const range of sourceRanges)
          this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-CIDR', `${entry},${rangeMember(range)}`);
        if (service.hasNodeInSourceRanges) this.#sets.add('KUBE-LOAD-BALANCER-SOURCE-IP', `${entry},${address}`);
        else this.#blocked.push({ address, protocol, port });
      }
      this.#bind(address);
      this.#serve(service, address, port, externalEndpoints(service));
    }
  }

  #nodePort(service: ServicePort): void {
    const { protocol, nodePort } = service;
    if (nodePort === 0) return;
    const isLocal = service.externalPolicy === 'Local';
    const sets = NODE_PORT_SETS[protocol];
    for (const address of this.#nodePortAddresses) {
      const member = protocol === 'sctp' ? portMember(address, protocol, nodePort) : String(nodePort);
      this.#sets.add(sets.all, member);
      if (isLocal) this.#sets.add(sets.local, member);
      this.#serve(service, address, nodePort, externalEndpoints(service));
    }
  }

  /** An address that another interface has stays there. */
  #bind(address: string): void {
    if (!this.#nodeAddresses.has(address)) this.#addresses.add(address);
  }

  #serve(
    { protocol, affinitySeconds }: ServicePort,
    address: string,
    port: number,
    endpoints: readonly Endpoint[],
  ): void {
    const scheduler = this.#options.ipvs?.scheduler || 'rr';
    const name = serviceText({ protocol, address, port });
    // An externalIP that is an address of the node may claim what a node port has: the first has it.
    if (this.#virtualServers.has(name)) return;
    this.#virtualServers.set(name, {
      protocol,
      address,
      port,
      scheduler,
      // Connections of one client are spread: without the port, mh would give it one endpoint for ever.
      flags: scheduler === 'mh' ? ['mh-port'] : [],
      persistentSeconds: affinitySeconds,
      realServers: endpoints.map((endpoint) => ({ address: endpoint.address, port: endpoint.port, weight: 1 })),
    });
  }
}

const NODE_PORT_SETS = {
  tcp: { all: 'KUBE-NODE-PORT-TCP', local: 'KUBE-NODE-PORT-LOCAL-TCP' },
  udp: { all: 'KUBE-NODE-PORT-UDP', local: 'KUBE-NODE-PORT-LOCAL-UDP' },
  sctp: { all: 'KUBE-NODE-PORT-SCTP-HASH', local: 'KUBE-NODE-PORT-LOCAL-SCTP-HASH' },
} as const satisfies Record<ServicePort['protocol'], Record<'all' | 'local', SetKey>>;

/** Addresses with virtual servers for node ports; never loopback's, where IPVS can't masquerade. */
const nodePortAddresses = ({ nodePortAddresses: chosen, ipvs }: RuleOptions): readonly string[] =>
  (chosen === 'all' ? (ipvs?.nodeAddresses ?? []) : chosen).filter(
    (address) => ipaddr.parse(address).range() !== 'loopback',
  );

const internalEndpoints = (service: ServicePort): readonly Endpoint[] => {
  if (service.internal !== 'balance') return [];
  return service.internalPolicy === 'Local' ? service.localEndpoints : service.clusterEndpoints;
};

/**
 * A virtual server has one list of real servers, whoever asks. With policy Local it is the local endpoints; where there are none, all, as in
 * kube-proxy: the node and its pods then reach the Service, and what comes from outside leaves with its own source address, so that the answer
 * comes to the client from a stranger and is dropped there.
 */
const externalEndpoints = (service: ServicePort): readonly Endpoint[] =>
  service.externalPolicy === 'Local' && service.localEndpoints.length > 0
    ? service.localEndpoints
    : service.clusterEndpoints;
