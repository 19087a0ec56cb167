import { intern, internList } from './intern.ts';
import { asList, asObject, asPort, asText, asTexts } from './json.ts';
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
  /** `conditions.serving`, true where it is not said. */
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  readonly hostname: string;
  /** `targetRef.name`, '' where there is none or it has 64 characters or more. */
  readonly targetName: string;
  readonly nodeName: string;
  readonly zone: string;
  /** `hints.forZones`, names; none where there is no hint. */
  readonly zoneHints: readonly string[];
  /** `hints.forNodes`, names; none where there is no hint. */
  readonly nodeHints: readonly string[];
}

/** An EndpointSlice, cut down to what is used. */
export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** Label `kubernetes.io/service-name`. */
  readonly serviceName: string;
  /** Label `service.kubernetes.io/headless` is there. */
  readonly isHeadless: boolean;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
  /** Annotation `endpoints.kubernetes.io/last-change-trigger-time` as ms since 1970, or null. */
  readonly lastChangeTriggerMs: number | null;
}

/** Label: the Service that a slice belongs to. */
export const SERVICE_NAME = 'kubernetes.io/service-name';
/** Label: the Service is headless. */
export const HEADLESS = 'service.kubernetes.io/headless';
/** Annotation: when what the slice follows from changed. */
export const LAST_CHANGE_TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

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
    isHeadless: HEADLESS in asObject(meta.raw.labels),
    addressType:
      addressType === 'IPv4' || addressType === 'IPv6' || addressType === 'FQDN' ? addressType : familyOf(kept),
    ports: slicePorts(ports),
    endpoints: kept,
    lastChangeTriggerMs: Number.isNaN(triggeredMs) ? null : triggeredMs,
  };
};

const projectEndpoint = (raw: unknown): Endpoint => {
  const { addresses, conditions, hostname, targetRef, nodeName, zone, hints } = asObject(raw);
  const target = asText(asObject(targetRef).name);
  const { ready, serving, terminating } = asObject(conditions);
  const { forZones, forNodes } = asObject(hints);
  return {
    addresses: asTexts(addresses),
    // Not said counts as ready, says the API's documentation.
    isReady: ready !== false,
    isServing: serving !== false,
    isTerminating: terminating === true,
    hostname: asText(hostname),
    targetName: target.length < 64 ? target : '',
    nodeName: intern(asText(nodeName)),
    zone: intern(asText(zone)),
    zoneHints: hintNames(forZones),
    nodeHints: hintNames(forNodes),
  };
};

const NO_HINTS: readonly string[] = Object.freeze([]);

/** Many endpoints have the same hint, so they share it. */
const hintNames = (raw: unknown): readonly string[] => {
  const names = asList(raw).map((item) => asText(asObject(item).name));
  return names.length === 0 ? NO_HINTS : internList(`hints\0${names.join('\0')}`, names);
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
