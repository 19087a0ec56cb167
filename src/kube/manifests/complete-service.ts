import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import type { ClusterIps } from './cluster-ips.ts';
import { headerOf } from './header.ts';
import type { NodePorts } from './node-ports.ts';
import type { ManifestObject } from './read-objects.ts';

/** True where traffic from outside the cluster has a way in; `spec` is a Service's. */
export const isExternallyAccessible = ({ type, externalIPs }: RawObject): boolean =>
  type === 'NodePort' || type === 'LoadBalancer' || (type !== 'ExternalName' && asList(externalIPs).length > 0);

/** A Service as an API server stores it, with what it has been allotted and the defaults (pkg/apis/core/v1/defaults.go). */
export const completeService = (
  service: ManifestObject,
  ips: ClusterIps | undefined,
  { ports: nodePorts, healthCheck }: NodePorts,
): RawObject => {
  const spec = asObject(service.raw.spec);
  const ports = asList(spec.ports).map((raw, index) => servicePort(asObject(raw), nodePorts[index] ?? null));
  const {
    clusterIP: _ip,
    clusterIPs: _ips,
    ipFamilies: _families,
    ipFamilyPolicy: _policy,
    ports: _ports,
    sessionAffinityConfig: _config,
    healthCheckNodePort: _healthCheck,
    ...rest
  } = spec;
  const type = asText(spec.type) || 'ClusterIP';
  return {
    ...service.raw,
    ...headerOf(service),
    spec: {
      ...rest,
      type,
      ...(ips === undefined ? {} : clusterIpFields(ips)),
      ...(ports.length === 0 ? {} : { ports }),
      ...missing(spec, policies({ ...spec, type })),
      ...affinityConfig(spec),
      ...(healthCheck === null ? {} : { healthCheckNodePort: healthCheck }),
    },
    ...statusOf(service.raw, type),
  };
};

const clusterIpFields = ({ clusterIPs, ipFamilies, ipFamilyPolicy }: ClusterIps): RawObject => ({
  ...(clusterIPs[0] === undefined ? {} : { clusterIP: clusterIPs[0], clusterIPs: [...clusterIPs] }),
  ipFamilies: [...ipFamilies],
  ipFamilyPolicy,
});

const servicePort = (port: RawObject, nodePort: number | null): RawObject => {
  const { nodePort: _nodePort, ...rest } = port;
  return {
    ...rest,
    protocol: asText(port.protocol) || 'TCP',
    ...(port.targetPort === undefined ? { targetPort: port.port } : {}),
    ...(nodePort === null ? {} : { nodePort }),
  };
};

const policies = (spec: RawObject): RawObject => ({
  sessionAffinity: 'None',
  ...(spec.type === 'ExternalName' ? {} : { internalTrafficPolicy: 'Cluster' }),
  ...(isExternallyAccessible(spec) ? { externalTrafficPolicy: 'Cluster' } : {}),
  ...(spec.type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: true } : {}),
});

/** Those of the fields that are not given. */
const missing = (given: RawObject, fields: RawObject): RawObject =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => (given[name] ?? '') === ''));

const AFFINITY_SECONDS = 10_800;

const affinityConfig = ({ sessionAffinity, sessionAffinityConfig }: RawObject): RawObject => {
  if (sessionAffinity !== 'ClientIP') return {};
  const { timeoutSeconds } = asObject(asObject(sessionAffinityConfig).clientIP);
  return { sessionAffinityConfig: { clientIP: { timeoutSeconds: timeoutSeconds ?? AFFINITY_SECONDS } } };
};

const statusOf = ({ status }: RawObject, type: string): RawObject => {
  const { loadBalancer } = asObject(status);
  const ingress = asList(asObject(loadBalancer).ingress);
  if (type !== 'LoadBalancer' || ingress.length === 0) return {};
  const withMode = (item: RawObject): RawObject =>
    asText(item.ip) === '' || (item.ipMode ?? '') !== '' ? item : { ...item, ipMode: 'VIP' };
  const balancer = { ...asObject(loadBalancer), ingress: ingress.map((item) => withMode(asObject(item))) };
  return { status: { ...asObject(status), loadBalancer: balancer } };
};
