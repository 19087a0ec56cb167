import type { Service } from '#kube/objects/service.ts';
import type { DecidedPort } from '../decide.ts';
import type { ServicePort, ServicePorts } from '../service-port.ts';
import { type Entry, entriesOfPort } from './entries.ts';
import { topologyKeysToday } from './topology-keys-today.ts';

/** What else there is to know of a port: affinity, hints, topologyKeys, health check. */
export const portNotes = ({ port, choice, candidates }: DecidedPort, service: Service): readonly string[] => {
  const notes: string[] = [];
  if (port.affinitySeconds > 0)
    notes.push(
      `sessionAffinity ClientIP: a client comes to the same endpoint until ${port.affinitySeconds} s have gone by without a new connection`,
    );
  if (choice.isClusterTerminating || choice.isLocalTerminating)
    notes.push('no endpoint is ready, so those that are terminating and still serve are used');
  notes.push(...placeNotes(service, choice.nearness, candidates.length));
  if (port.healthCheckNodePort > 0)
    notes.push(
      `health check node port ${port.healthCheckNodePort} tells ${port.localReadyCount} ready endpoints on this node`,
    );
  return notes;
};

const placeNotes = (
  { topologyKeys, trafficDistribution }: Service,
  nearness: DecidedPort['choice']['nearness'],
  count: number,
): readonly string[] => {
  if (topologyKeys.length > 0)
    return [
      `topologyKeys ${topologyKeys.join(', ')} (of Kubernetes 1.17 to 1.21) ${keyResult(nearness)}; their like today: ${topologyKeysToday(topologyKeys)}`,
    ];
  if (trafficDistribution === '' || count === 0) return [];
  const result =
    nearness.by === 'all'
      ? 'is not seen here: not every ready endpoint has a hint, or no hint is for this node or its zone'
      : `is followed by the ${nearness.by}s of the EndpointSlices`;
  return [`trafficDistribution ${trafficDistribution} ${result}`];
};

const keyResult = (nearness: DecidedPort['choice']['nearness']): string => {
  if (nearness.by !== 'topology key') return 'take every endpoint, by "*"';
  return nearness.key === null ? 'are used up without an endpoint' : `are decided by ${nearness.key}`;
};

/** Entries that another ServicePort has. */
export const lostNotes = (
  wanted: ServicePort,
  settled: ServicePort | null,
  services: ServicePorts,
): readonly string[] => {
  const kept = settled === null ? [] : entriesOfPort(settled).map(nameOf);
  return entriesOfPort(wanted)
    .filter((entry) => !kept.includes(nameOf(entry)))
    .map((entry) => `${nameOf(entry)} is left out: ${holderText(entry, services)}`);
};

const nameOf = ({ port, kind, address }: Entry): string =>
  kind === 'node port' ? `node port ${port.nodePort}/${port.protocol}` : `${kind} ${address}`;

const holderText = ({ port, kind, address }: Entry, services: ServicePorts): string => {
  const holder = [...services.values()].find(
    (other) =>
      other.protocol === port.protocol &&
      other.key !== port.key &&
      (kind === 'node port'
        ? other.nodePort === port.nodePort
        : other.port === port.port &&
          entriesOfPort(other).some((entry) => entry.address === address && address !== '')),
  );
  return holder === undefined ? `the port's ClusterIP is another's` : `${holder.key} has it, which comes first by name`;
};
