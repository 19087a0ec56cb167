import { type EndpointSlice, projectEndpointSlice } from '../objects/endpoint-slice.ts';
import { asObject, type RawObject } from '../objects/json.ts';
import { projectNamespace } from '../objects/namespace.ts';
import { projectPod } from '../objects/pod.ts';
import { projectService, type Service } from '../objects/service.ts';
import type { Kind, KubeObject } from '../source.ts';

/**
 * An object as the API would give it if it had no more fields than are used. So it is read back by the same projection as a
 * list, which trusts no field and shares the texts and lists that many objects repeat.
 */
export const rawObject = (object: KubeObject): RawObject => {
  switch (object.kind) {
    case 'Service':
      return rawService(object);
    case 'EndpointSlice':
      return rawSlice(object);
    case 'Namespace':
      return { kind: object.kind, metadata: { ...metadataOf(object), labels: object.labels } };
    case 'Pod':
      return {
        kind: object.kind,
        metadata: {
          ...metadataOf(object),
          labels: object.labels,
          // That it is there is all that is looked at.
          ...(object.isTerminating ? { deletionTimestamp: '' } : {}),
        },
        status: { podIP: object.ip },
      };
  }
};

/** The object again; null where it is of no kind that is kept, or has no name. */
export const objectFromRaw = (raw: unknown): KubeObject | null =>
  PROJECTIONS[asObject(raw).kind as Kind]?.(raw) ?? null;

/** No prototype: a kind may be called `constructor`. */
const PROJECTIONS: Readonly<Record<Kind, (raw: unknown) => KubeObject | null>> = Object.assign(Object.create(null), {
  Service: projectService,
  EndpointSlice: projectEndpointSlice,
  Namespace: projectNamespace,
  Pod: projectPod,
});

const metadataOf = ({ namespace, name, resourceVersion }: KubeObject): RawObject => ({
  namespace,
  name,
  resourceVersion,
});

/** Any selector: of one it only counts that it is there. */
const SELECTOR: RawObject = { any: '' };

const rawService = (service: Service): RawObject => {
  const { kind, type, clusterIPs, externalName, ports, externalIPs, isSelectorless } = service;
  return {
    kind,
    metadata: metadataOf(service),
    spec: {
      type,
      clusterIPs: unlessEmpty(clusterIPs),
      externalName: unlessEmpty(externalName),
      ports: unlessEmpty(ports),
      // Those of the load balancer are among them.
      externalIPs: unlessEmpty(externalIPs),
      selector: isSelectorless ? undefined : SELECTOR,
    },
  };
};

const rawSlice = (slice: EndpointSlice): RawObject => {
  const { kind, serviceName, addressType, ports, endpoints, lastChangeTriggerMs } = slice;
  return {
    kind,
    metadata: {
      ...metadataOf(slice),
      labels: { 'kubernetes.io/service-name': serviceName },
      annotations:
        lastChangeTriggerMs === null
          ? undefined
          : { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(lastChangeTriggerMs).toISOString() },
    },
    addressType,
    ports: unlessEmpty(ports),
    endpoints: endpoints.map(({ addresses, isReady, hostname, targetName, nodeName, zone }) => ({
      addresses,
      conditions: isReady ? undefined : { ready: false },
      hostname: unlessEmpty(hostname),
      targetRef: targetName === '' ? undefined : { name: targetName },
      nodeName: unlessEmpty(nodeName),
      zone: unlessEmpty(zone),
    })),
  };
};

/** JSON leaves out what is undefined. */
const unlessEmpty = <T extends { readonly length: number }>(value: T): T | undefined =>
  value.length === 0 ? undefined : value;
