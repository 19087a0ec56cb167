export interface ServicePort {
  /** '' where it has none. */
  readonly name: string;
  /** Lower case: tcp, udp, sctp. */
  readonly protocol: string;
  readonly port: number;
}

/** A Service, cut down to what is used. */
export interface Service {
  readonly kind: 'Service';
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** `spec.clusterIPs`, else `spec.clusterIP`; `['None']` for a headless one; texts as stored. */
  readonly clusterIPs: readonly string[];
  readonly externalName: string;
  readonly ports: readonly ServicePort[];
  /** `spec.externalIPs`, then the load balancer's ingress addresses or host names. */
  readonly externalIPs: readonly string[];
  readonly isSelectorless: boolean;
}
