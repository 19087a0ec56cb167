import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { hash } from './address-range.ts';
import type { ManifestFault } from './fault.ts';
import { label, type ManifestObject } from './read-objects.ts';
import { shown } from './shown.ts';

const FIRST = 30_000;
const LAST = 32_767;

/** What a Service has on each node. */
export interface NodePorts {
  /** By the index of the Service's port; null where it has none. */
  readonly ports: readonly (number | null)[];
  /** For the health checks of a load balancer whose traffic is to stay on the node; null where none is needed. */
  readonly healthCheck: number | null;
}

/** Node ports of Services: those that are written stay, the others are allotted, the same in every run. */
export const allotNodePorts = (
  services: readonly ManifestObject[],
  faults: ManifestFault[],
): ((service: ManifestObject) => NodePorts) => {
  const owners = new Map<string, ManifestObject>();
  const claims = services.map((service) => ({
    service,
    ports: claimGiven(service, owners, faults),
    healthCheck: claimHealthCheck(service, owners, faults),
  }));
  const taken = new Set(owners.keys());
  const allotted = new Map<ManifestObject, NodePorts>();
  for (const { service, ports } of claims)
    allotted.set(service, { ports: fill(service, ports, taken, faults), healthCheck: null });
  // After all others, so that a Service which comes to need one does not move the node port of another.
  for (const { service, healthCheck } of claims) {
    const { ports } = allotted.get(service) as NodePorts;
    allotted.set(service, { ports, healthCheck: fillHealthCheck(service, healthCheck, taken) });
  }
  return (service) => allotted.get(service) ?? NONE;
};

const NONE: NodePorts = { ports: [], healthCheck: null };

interface PortClaim {
  readonly port: unknown;
  readonly protocol: string;
  readonly nodePort: number | null;
}

const claimGiven = (
  service: ManifestObject,
  owners: Map<string, ManifestObject>,
  faults: ManifestFault[],
): PortClaim[] =>
  asList(asObject(service.raw.spec).ports).map((raw, index) => {
    const { port, protocol: rawProtocol, nodePort } = asObject(raw);
    const protocol = asText(rawProtocol) || 'TCP';
    const claim = { port, protocol, nodePort: null };
    if (nodePort === undefined || nodePort === null || nodePort === 0) return claim;
    const owner = owners.get(`${protocol}/${shown(nodePort)}`);
    const why = whyRefused(service, nodePort, owner);
    if (why !== '') {
      const message = `${label('Service', service.namespace, service.name)}: nodePort ${shown(nodePort)} ${why}`;
      faults.push({ position: service.at(['spec', 'ports', index, 'nodePort']), message });
      return claim;
    }
    owners.set(`${protocol}/${shown(nodePort)}`, service);
    return { ...claim, nodePort: nodePort as number };
  });

/** The health check node port that is written; null where there is none, or it can't be had. */
const claimHealthCheck = (
  service: ManifestObject,
  owners: Map<string, ManifestObject>,
  faults: ManifestFault[],
): number | null => {
  const spec = asObject(service.raw.spec);
  const { healthCheckNodePort: port } = spec;
  if (port === undefined || port === null || port === 0) return null;
  const why = needsHealthCheck(spec)
    ? whyUnusable(port, owners.get(`TCP/${shown(port)}`))
    : 'needs type LoadBalancer and externalTrafficPolicy Local: leave it out';
  if (why !== '') {
    const message = `${label('Service', service.namespace, service.name)}: healthCheckNodePort ${shown(port)} ${why}`;
    faults.push({ position: service.at(['spec', 'healthCheckNodePort']), message });
    return null;
  }
  owners.set(`TCP/${shown(port)}`, service);
  return port as number;
};

const needsHealthCheck = (spec: RawObject): boolean =>
  spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

const fillHealthCheck = (service: ManifestObject, given: number | null, taken: Set<string>): number | null =>
  given !== null || !needsHealthCheck(asObject(service.raw.spec))
    ? given
    : allot(`${service.namespace}/${service.name}/health-check`, 'TCP', taken);

const whyRefused = (service: ManifestObject, nodePort: unknown, owner: ManifestObject | undefined): string =>
  hasNodePorts(asObject(service.raw.spec))
    ? whyUnusable(nodePort, owner)
    : 'needs type NodePort or LoadBalancer: set the type, or leave nodePort out';

const whyUnusable = (nodePort: unknown, owner: ManifestObject | undefined): string => {
  if (typeof nodePort !== 'number' || !Number.isInteger(nodePort) || nodePort < FIRST || nodePort > LAST) {
    return `is not in the range ${FIRST}-${LAST}: choose one in it, or leave it out (one is allotted)`;
  }
  if (owner === undefined) return '';
  return `is taken by ${label('Service', owner.namespace, owner.name)}: choose another, or leave it out (one is allotted)`;
};

const hasNodePorts = (spec: RawObject): boolean => spec.type === 'NodePort' || spec.type === 'LoadBalancer';

const fill = (
  service: ManifestObject,
  ports: readonly PortClaim[],
  taken: Set<string>,
  faults: ManifestFault[],
): readonly (number | null)[] => {
  const spec = asObject(service.raw.spec);
  const isAllotted = hasNodePorts(spec) && spec.allocateLoadBalancerNodePorts !== false;
  return ports.map(({ port, protocol, nodePort }, index) => {
    if (nodePort !== null || !isAllotted) return nodePort;
    const allotted = allot(`${service.namespace}/${service.name}/${shown(port)}`, protocol, taken);
    if (allotted === null) {
      const message = `${label('Service', service.namespace, service.name)}: no node port is left to allot`;
      faults.push({ position: service.at(['spec', 'ports', index]), message });
    }
    return allotted;
  });
};

/** The protocol is not hashed: the TCP and the UDP half of one port get one number where both are free, as in Kubernetes. */
const allot = (key: string, protocol: string, taken: Set<string>): number | null => {
  const size = LAST - FIRST + 1;
  const start = hash(key) % size;
  for (let step = 0; step < size; step++) {
    const nodePort = FIRST + ((start + step) % size);
    if (taken.has(`${protocol}/${nodePort}`)) continue;
    taken.add(`${protocol}/${nodePort}`);
    return nodePort;
  }
  return null;
};
