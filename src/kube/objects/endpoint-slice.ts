export interface EndpointPort {
  /** '' where it has none. */
  readonly name: string;
  /** Lower case. */
  readonly protocol: string;
  /** null where the slice leaves it open. */
  readonly port: number | null;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** `conditions.ready`, true where it is not said. */
  readonly isReady: boolean;
  readonly hostname: string;
  /** `targetRef.name`, '' where there is none or it has 64 characters or more. */
  readonly targetName: string;
  readonly nodeName: string;
  readonly zone: string;
}

/** An EndpointSlice, cut down to what is used. */
export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** Label `kubernetes.io/service-name`. */
  readonly serviceName: string;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
  /** Annotation `endpoints.kubernetes.io/last-change-trigger-time` as ms since 1970, or null. */
  readonly lastChangeTriggerMs: number | null;
}
