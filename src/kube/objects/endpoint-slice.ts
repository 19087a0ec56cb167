import { intern, internList } from './intern.ts';
import { asList, asObject, asPort, asText } from './json.ts';
import { projectMeta } from './meta.ts';

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

const SERVICE_NAME = 'kubernetes.io/service-name';
const LAST_CHANGE_TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

/** An EndpointSlice from its JSON or YAML form; null where it has no name. A field that is not as it should be counts as not there. */
export const projectEndpointSlice = (raw: unknown): EndpointSlice | null => {
  const meta = projectMeta(raw);
  if (meta === null) return null;
  const { addressType, ports, endpoints } = asObject(raw);
  const kept = asList(endpoints).map(projectEndpoint);
  const triggeredMs = Date.parse(asText(asObject(meta.raw.annotations)[LAST_CHANGE_TRIGGER]));
  return {
    kind: 'EndpointSlice',
    namespace: meta.namespace,
    name: meta.name,
    resourceVersion: meta.resourceVersion,
    serviceName: asText(asObject(meta.raw.labels)[SERVICE_NAME]),
    addressType:
      addressType === 'IPv4' || addressType === 'IPv6' || addressType === 'FQDN' ? addressType : familyOf(kept),
    ports: slicePorts(ports),
    endpoints: kept,
    lastChangeTriggerMs: Number.isNaN(triggeredMs) ? null : triggeredMs,
  };
};

const projectEndpoint = (raw: unknown): Endpoint => {
  const { addresses, conditions, hostname, targetRef, nodeName, zone } = asObject(raw);
  const target = asText(asObject(targetRef).name);
  return {
    addresses: asList(addresses).filter((address): address is string => typeof address === 'string'),
    // Not said counts as ready, says the API's documentation.
    isReady: asObject(conditions).ready !== false,
    hostname: asText(hostname),
    targetName: target.length < 64 ? target : '',
    nodeName: intern(asText(nodeName)),
    zone: intern(asText(zone)),
  };
};

/** For a slice whose `addressType` nobody checked. */
const familyOf = (endpoints: readonly Endpoint[]): 'IPv4' | 'IPv6' =>
  endpoints[0]?.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4';

/** Most slices have one of a few lists of ports, so they share them. */
const slicePorts = (raw: unknown): readonly EndpointPort[] => {
  const ports: EndpointPort[] = [];
  let key = 'EndpointSlice';
  for (const item of asList(raw)) {
    const { name, protocol, port } = asObject(item);
    const kept = {
      name: intern(asText(name)),
      protocol: intern(asText(protocol).toLowerCase() || 'tcp'),
      port: asPort(port),
    };
    key += `\0${kept.name}\0${kept.protocol}\0${kept.port}`;
    ports.push(kept);
  }
  return internList(key, ports);
};
