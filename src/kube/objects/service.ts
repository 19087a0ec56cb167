import { intern, internList } from './intern.ts';
import { asList, asObject, asPort, asText, type RawObject } from './json.ts';
import { projectMeta } from './meta.ts';

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

/** A Service from its JSON or YAML form; null where it has no name. A field that is not as it should be counts as not there. */
export const projectService = (raw: unknown): Service | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const spec = asObject(asObject(raw).spec);
  return {
    kind: 'Service',
    namespace: meta.namespace,
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    type: serviceType(spec.type),
    clusterIPs: clusterIPs(spec),
    externalName: asText(spec.externalName),
    ports: servicePorts(spec.ports),
    externalIPs: externalIPs(spec, asObject(asObject(raw).status)),
    isSelectorless: Object.keys(asObject(spec.selector)).length === 0,
  };
};

const NO_TEXTS: readonly string[] = Object.freeze([]);
const HEADLESS: readonly string[] = Object.freeze(['None']);

const serviceType = (raw: unknown): Service['type'] =>
  raw === 'NodePort' || raw === 'LoadBalancer' || raw === 'ExternalName' ? raw : 'ClusterIP';

const clusterIPs = (spec: RawObject): readonly string[] => {
  const all = asList(spec.clusterIPs).filter((ip): ip is string => typeof ip === 'string' && ip !== '');
  const one = asText(spec.clusterIP);
  if (all.length === 0 && one !== '') all.push(one);
  if (all.length === 0) return NO_TEXTS;
  return all[0] === 'None' ? HEADLESS : all;
};

/** Most Services have one of a few lists of ports, so they share them. */
const servicePorts = (raw: unknown): readonly ServicePort[] => {
  const ports: ServicePort[] = [];
  let key = 'Service';
  for (const item of asList(raw)) {
    const { name, protocol, port } = asObject(item);
    const number = asPort(port);
    if (number === null) continue;
    const kept = {
      name: intern(asText(name)),
      protocol: intern(asText(protocol).toLowerCase() || 'tcp'),
      port: number,
    };
    key += `\0${kept.name}\0${kept.protocol}\0${number}`;
    ports.push(kept);
  }
  return internList(key, ports);
};

const externalIPs = (spec: RawObject, status: RawObject): readonly string[] => {
  const kept: string[] = [];
  for (const ip of asList(spec.externalIPs)) if (typeof ip === 'string' && ip !== '') kept.push(ip);
  for (const item of asList(asObject(status.loadBalancer).ingress)) {
    const { ip, hostname } = asObject(item);
    const address = asText(ip) || asText(hostname);
    if (address !== '') kept.push(address);
  }
  return kept.length === 0 ? NO_TEXTS : kept;
};
