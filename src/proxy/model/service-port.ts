import type { TrafficPolicy } from '#kube/objects/service.ts';
import type { IpFamily } from '../rule-options.ts';

/** Where a Service's traffic may go. */
export interface Endpoint {
  /** Canonical text: no leading zeros, RFC 5952. */
  readonly address: string;
  readonly port: number;
  /** It runs on this node. */
  readonly isLocal: boolean;
}

/**
 * What becomes of traffic that an entry point takes.
 * `reject`: no endpoint anywhere. `drop`: there are endpoints, but the policy lets none be used from here.
 */
export type Outcome = 'balance' | 'reject' | 'drop';

/**
 * One port of one Service in one family with all policy decided: nobody after the model looks at a Service or an EndpointSlice.
 * Two ServicePorts never have the same address, protocol and port, nor the same protocol and node port: of two that claim one, the first by
 * `key` has it.
 */
export interface ServicePort {
  /** `NAMESPACE/NAME:PORT/PROTOCOL`, `NAMESPACE/NAME/PROTOCOL` where the port has no name: unique, and the order of rules. */
  readonly key: string;
  /** `NAMESPACE/NAME:PORT`, or `NAMESPACE/NAME`: what chain names are hashes of, and comments say. */
  readonly label: string;
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly family: IpFamily;

  readonly clusterIP: string;
  readonly port: number;
  readonly externalIPs: readonly string[];
  /** Those of the load balancer that are handled here: ipMode VIP. */
  readonly loadBalancerIPs: readonly string[];
  /** 0 where it has none. */
  readonly nodePort: number;
  /** Who may use `loadBalancerIPs`: ranges without overlap; none for no restriction. */
  readonly sourceRanges: readonly string[];
  /** One of `sourceRanges` has an address of this node in it, so the load balancer's own address may come in, too. */
  readonly hasNodeInSourceRanges: boolean;
  /** 0 where the kind or the policy needs none. */
  readonly healthCheckNodePort: number;

  /** Seconds that a client stays with its endpoint; 0 for no affinity. */
  readonly affinitySeconds: number;
  readonly internalPolicy: TrafficPolicy;
  readonly externalPolicy: TrafficPolicy;

  /** Traffic to the ClusterIP. */
  readonly internal: Outcome;
  /**
   * Traffic to externalIPs, load balancer and node port from outside. With `externalPolicy` Local, traffic of this node and its pods is
   * internal traffic in disguise, and goes to `clusterEndpoints` wherever there are any.
   */
  readonly external: Outcome;
  /** For policy Cluster, in the order of kube-proxy: by `address:port` as text. Empty where no entry point uses it. */
  readonly clusterEndpoints: readonly Endpoint[];
  /** For policy Local, likewise. Where there are any and something comes in from outside, there are `clusterEndpoints`, too. */
  readonly localEndpoints: readonly Endpoint[];
  /** Some endpoint could be used somewhere, if not from here. */
  readonly hasEndpoints: boolean;
  /** Ready endpoints on this node: what the health check node port counts. */
  readonly localReadyCount: number;
}

/** All of one family by `key`; the order of the Map says nothing. */
export type ServicePorts = ReadonlyMap<string, ServicePort>;
