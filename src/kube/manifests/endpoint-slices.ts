import { HEADLESS, SERVICE_NAME } from '../objects/endpoint-slice.ts';
import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import { familyOf, hash } from './address-range.ts';
import type { CompletePod } from './pods.ts';
import type { ManifestObject } from './read-objects.ts';

/** One port of a slice, in the API's form. */
export interface SlicePort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number | null;
}

/** Endpoints of one slice: they share family and ports. */
export interface SliceGroup {
  readonly family: 'IPv4' | 'IPv6';
  readonly ports: readonly SlicePort[];
  readonly endpoints: RawObject[];
}

const MANAGED_BY = 'endpointslice-controller.k8s.io';
/** As many as the API allows in one slice. */
const MAX_ENDPOINTS = 1000;

/** EndpointSlices for a Service from the Pods it selects: a slice for each family and each set of ports. `zones` are those of the Nodes. */
export const slicesFromPods = (
  service: ManifestObject,
  families: readonly ('IPv4' | 'IPv6')[],
  pods: readonly CompletePod[],
  zones: ReadonlyMap<string, string>,
): RawObject[] => {
  const spec = asObject(service.raw.spec);
  const groups = new Map<string, SliceGroup>();
  for (const pod of pods) {
    if (pod.phase === 'Succeeded' || pod.phase === 'Failed') continue;
    const ports = portsOf(spec, pod.object.raw);
    for (const family of families) {
      const address = pod.ips.find((ip) => familyOf(ip) === family);
      if (address !== undefined) addEndpoint(groups, family, ports, endpointOf(service, pod, address, zones));
    }
  }
  const isHeadless = spec.clusterIP === 'None' || asList(spec.clusterIPs)[0] === 'None';
  return buildSlices(service, service.raw, [...groups.values()], {
    'endpointslice.kubernetes.io/managed-by': MANAGED_BY,
    ...(isHeadless ? { [HEADLESS]: '' } : {}),
  });
};

/** Adds an endpoint to the group that has its family and ports. */
export const addEndpoint = (
  groups: Map<string, SliceGroup>,
  family: 'IPv4' | 'IPv6',
  ports: readonly SlicePort[],
  endpoint: RawObject,
): void => {
  const key = `${family} ${JSON.stringify(ports)}`;
  const group = groups.get(key);
  if (group === undefined) groups.set(key, { family, ports, endpoints: [endpoint] });
  else group.endpoints.push(endpoint);
};

/** Slices in the API's form, named after the Service and what they hold; `labelled` is the object whose labels they carry. */
export const buildSlices = (
  service: ManifestObject,
  labelled: RawObject,
  groups: readonly SliceGroup[],
  ownLabels: Readonly<Record<string, string>>,
): RawObject[] => {
  const labels = {
    ...asObject(asObject(labelled.metadata).labels),
    ...ownLabels,
    [SERVICE_NAME]: service.name,
  };
  return groups.flatMap(({ family, ports, endpoints }) =>
    chunks(endpoints).map((chunk, index) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service.name}-${suffix(`${family} ${JSON.stringify(ports)} ${index}`)}`,
        namespace: service.namespace,
        labels: { ...labels },
      },
      addressType: family,
      ports: ports.map((port) => ({ ...port })),
      endpoints: chunk,
    })),
  );
};

const chunks = (endpoints: readonly RawObject[]): RawObject[][] => {
  const result: RawObject[][] = [];
  for (let from = 0; from < endpoints.length; from += MAX_ENDPOINTS)
    result.push(endpoints.slice(from, from + MAX_ENDPOINTS));
  return result;
};

const suffix = (text: string): string => hash(text).toString(36).padStart(7, '0').slice(-5);

const endpointOf = (
  service: ManifestObject,
  pod: CompletePod,
  address: string,
  zones: ReadonlyMap<string, string>,
): RawObject => {
  const { object } = pod;
  const podSpec = asObject(object.raw.spec);
  const hostname = asText(podSpec.hostname);
  const nodeName = asText(podSpec.nodeName);
  const zone = zones.get(nodeName) ?? '';
  const { publishNotReadyAddresses, trafficDistribution } = asObject(service.raw.spec);
  const isReady = publishNotReadyAddresses === true || (pod.isReady && !pod.isTerminating);
  return {
    addresses: [address],
    conditions: {
      ready: isReady,
      serving: pod.isReady,
      terminating: pod.isTerminating,
    },
    ...(hostname !== '' && podSpec.subdomain === service.name ? { hostname } : {}),
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === '' ? {} : { zone }),
    ...(isReady ? hintsOf(trafficDistribution, nodeName, zone) : {}),
    targetRef: { kind: 'Pod', namespace: object.namespace, name: object.name },
  };
};

/** Hints as the EndpointSlice controller gives them, to ready endpoints (endpointslice/trafficdist). */
const hintsOf = (distribution: unknown, nodeName: string, zone: string): RawObject => {
  const isNode = distribution === 'PreferSameNode';
  if (!isNode && distribution !== 'PreferSameZone' && distribution !== 'PreferClose') return {};
  const forZones = zone === '' ? {} : { forZones: [{ name: zone }] };
  const forNodes = !isNode || nodeName === '' ? {} : { forNodes: [{ name: nodeName }] };
  const hints = { ...forZones, ...forNodes };
  return Object.keys(hints).length === 0 ? {} : { hints };
};

/** A Service's ports as this Pod has them; a port that the Pod does not name is left out, as the controller does. */
const portsOf = (spec: RawObject, pod: RawObject): SlicePort[] => {
  const ports: SlicePort[] = [];
  for (const item of asList(spec.ports)) {
    const { name, protocol: rawProtocol, port, targetPort } = asObject(item);
    const protocol = asText(rawProtocol) || 'TCP';
    const number = targetNumber(targetPort ?? port, protocol, pod);
    if (number !== null) ports.push({ name: asText(name), protocol, port: number });
  }
  return ports;
};

const targetNumber = (target: unknown, protocol: string, pod: RawObject): number | null => {
  if (typeof target === 'number') return Number.isInteger(target) && target >= 1 && target <= 65535 ? target : null;
  if (typeof target !== 'string') return null;
  const podSpec = asObject(pod.spec);
  const containers = [...asList(podSpec.containers), ...asList(podSpec.initContainers).filter(isSidecar)];
  for (const container of containers) {
    for (const item of asList(asObject(container).ports)) {
      const { name, protocol: itsProtocol, containerPort } = asObject(item);
      const isIt = name === target && (asText(itsProtocol) || 'TCP') === protocol;
      if (isIt && typeof containerPort === 'number') return containerPort;
    }
  }
  return /^\d{1,5}$/.test(target) ? targetNumber(Number(target), protocol, pod) : null;
};

const isSidecar = (container: unknown): boolean => asObject(container).restartPolicy === 'Always';
