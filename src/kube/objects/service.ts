import { intern, internList } from './intern.ts';
import { asList, asObject, asPort, asText, asTexts, type RawObject } from './json.ts';
import { projectMeta } from './meta.ts';

export interface ServicePort {
  /** '' where it has none. */
  readonly name: string;
  /** Lower case: tcp, udp, sctp. */
  readonly protocol: string;
  readonly port: number;
  /** 0 where it has none. */
  readonly nodePort: number;
}

/** A load balancer's address as `status.loadBalancer.ingress` has it. */
export interface LoadBalancerIngress {
  /** '' where it has only a host name. */
  readonly ip: string;
  readonly hostname: string;
  /** VIP unless it says Proxy. */
  readonly ipMode: 'VIP' | 'Proxy';
}

export type TrafficPolicy = 'Cluster' | 'Local';

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
  readonly externalIPs: readonly string[];
  readonly ingress: readonly LoadBalancerIngress[];
  readonly isSelectorless: boolean;
  readonly internalTrafficPolicy: TrafficPolicy;
  readonly externalTrafficPolicy: TrafficPolicy;
  /** Seconds that a client stays with its endpoint (`sessionAffinity: ClientIP`); 0 for no affinity. */
  readonly affinitySeconds: number;
  /** `spec.loadBalancerSourceRanges` as stored; none for no restriction. */
  readonly sourceRanges: readonly string[];
  /** 0 where it has none. */
  readonly healthCheckNodePort: number;
  /** `spec.trafficDistribution`, '' where it has none. */
  readonly trafficDistribution: string;
  /** `spec.topologyKeys` of Kubernetes 1.17 to 1.21; none for no restriction. No API server of today has it. */
  readonly topologyKeys: readonly string[];
  /** Label `service.kubernetes.io/service-proxy-name`, '' where it has none. */
  readonly proxyName: string;
}

/** A Service from its JSON or YAML form; null where it has no name. A field that is not as it should be counts as not there. */
export const projectService = (raw: unknown): Service | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const spec = asObject(asObject(raw).spec);
  const status = asObject(asObject(raw).status);
  return {
    kind: 'Service',
    namespace: meta.namespace,
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    type: serviceType(spec.type),
    clusterIPs: clusterIPs(spec),
    externalName: asText(spec.externalName),
    ports: servicePorts(spec.ports),
    externalIPs: texts(spec.externalIPs),
    ingress: ingress(asObject(status.loadBalancer).ingress),
    isSelectorless: Object.keys(asObject(spec.selector)).length === 0,
    internalTrafficPolicy: trafficPolicy(spec.internalTrafficPolicy),
    externalTrafficPolicy: trafficPolicy(spec.externalTrafficPolicy),
    affinitySeconds: affinitySeconds(spec),
    sourceRanges: texts(spec.loadBalancerSourceRanges),
    healthCheckNodePort: asPort(spec.healthCheckNodePort) ?? 0,
    trafficDistribution: intern(asText(spec.trafficDistribution)),
    topologyKeys: texts(spec.topologyKeys),
    proxyName: intern(asText(asObject(meta.raw.labels)[PROXY_NAME])),
  };
};

/** Label: a Service proxy of this name is to serve it, and no other. */
export const PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
/** The API server's default, and its limit. */
const AFFINITY_SECONDS = 10_800;
const MAX_AFFINITY_SECONDS = 86_400;

const NO_TEXTS: readonly string[] = Object.freeze([]);
const HEADLESS: readonly string[] = Object.freeze(['None']);

const serviceType = (raw: unknown): Service['type'] =>
  raw === 'NodePort' || raw === 'LoadBalancer' || raw === 'ExternalName' ? raw : 'ClusterIP';

const clusterIPs = (spec: RawObject): readonly string[] => {
  const all = texts(spec.clusterIPs);
  const one = asText(spec.clusterIP);
  const used = all.length === 0 && one !== '' ? [one] : all;
  return used[0] === 'None' ? HEADLESS : used;
};

/** Most Services have one of a few lists of ports, so they share them. */
const servicePorts = (raw: unknown): readonly ServicePort[] => {
  const ports: ServicePort[] = [];
  let key = 'Service';
  for (const item of asList(raw)) {
    const { name, protocol, port, nodePort } = asObject(item);
    const number = asPort(port);
    if (number === null) continue;
    const kept = {
      name: intern(asText(name)),
      protocol: intern(asText(protocol).toLowerCase() || 'tcp'),
      port: number,
      nodePort: asPort(nodePort) ?? 0,
    };
    key += `\0${kept.name}\0${kept.protocol}\0${number}\0${kept.nodePort}`;
    ports.push(kept);
  }
  return internList(key, ports);
};

const texts = (raw: unknown): readonly string[] => {
  const kept = asTexts(raw, (text) => text !== '');
  return kept.length === 0 ? NO_TEXTS : kept;
};

const NO_INGRESS: readonly LoadBalancerIngress[] = Object.freeze([]);

const ingress = (raw: unknown): readonly LoadBalancerIngress[] => {
  const kept: LoadBalancerIngress[] = [];
  for (const item of asList(raw)) {
    const { ip, hostname, ipMode } = asObject(item);
    const address = {
      ip: asText(ip),
      hostname: asText(hostname),
      ipMode: ipMode === 'Proxy' ? ipMode : 'VIP',
    } as const;
    if (address.ip !== '' || address.hostname !== '') kept.push(address);
  }
  return kept.length === 0 ? NO_INGRESS : kept;
};

const trafficPolicy = (raw: unknown): TrafficPolicy => (raw === 'Local' ? 'Local' : 'Cluster');

const affinitySeconds = (spec: RawObject): number => {
  if (spec.sessionAffinity !== 'ClientIP') return 0;
  const { timeoutSeconds } = asObject(asObject(spec.sessionAffinityConfig).clientIP);
  const isSeconds = typeof timeoutSeconds === 'number' && timeoutSeconds >= 1 && timeoutSeconds <= MAX_AFFINITY_SECONDS;
  return isSeconds ? Math.floor(timeoutSeconds) : AFFINITY_SECONDS;
};
