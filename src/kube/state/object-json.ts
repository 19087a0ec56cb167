import {
  type Endpoint,
  type EndpointSlice,
  HEADLESS,
  LAST_CHANGE_TRIGGER,
  projectEndpointSlice,
  SERVICE_NAME,
} from '../objects/endpoint-slice.ts';
import { asObject, type RawObject } from '../objects/json.ts';
import { projectNamespace } from '../objects/namespace.ts';
import { type Node, projectNode } from '../objects/node.ts';
import { projectPod } from '../objects/pod.ts';
import { PROXY_NAME, projectService, type Service } from '../objects/service.ts';
import { projectServiceCidr } from '../objects/service-cidr.ts';
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
    case 'Node':
      return rawNode(object);
    case 'ServiceCIDR':
      return { kind: object.kind, metadata: metadataOf(object), spec: { cidrs: object.cidrs } };
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
  Node: projectNode,
  ServiceCIDR: projectServiceCidr,
});

const metadataOf = ({ namespace, name, resourceVersion }: KubeObject): RawObject => ({
  namespace,
  name,
  resourceVersion,
});

/** Any selector: of one it only counts that it is there. */
const SELECTOR: RawObject = { any: '' };

const rawService = (service: Service): RawObject => {
  const { kind, type, clusterIPs, externalName, ports, externalIPs, ingress, isSelectorless, proxyName } = service;
  return {
    kind,
    metadata: { ...metadataOf(service), labels: proxyName === '' ? undefined : { [PROXY_NAME]: proxyName } },
    spec: {
      type,
      clusterIPs: unlessEmpty(clusterIPs),
      externalName: unlessEmpty(externalName),
      ports: unlessEmpty(ports),
      externalIPs: unlessEmpty(externalIPs),
      selector: isSelectorless ? undefined : SELECTOR,
      ...rawPolicies(service),
    },
    status: ingress.length === 0 ? undefined : { loadBalancer: { ingress } },
  };
};

/** What only the Service proxy looks at. */
const rawPolicies = (service: Service): RawObject => {
  const { affinitySeconds, sourceRanges, healthCheckNodePort, trafficDistribution, topologyKeys } = service;
  return {
    internalTrafficPolicy: service.internalTrafficPolicy === 'Local' ? 'Local' : undefined,
    externalTrafficPolicy: service.externalTrafficPolicy === 'Local' ? 'Local' : undefined,
    ...(affinitySeconds === 0
      ? {}
      : { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: affinitySeconds } } }),
    loadBalancerSourceRanges: unlessEmpty(sourceRanges),
    healthCheckNodePort: healthCheckNodePort === 0 ? undefined : healthCheckNodePort,
    trafficDistribution: unlessEmpty(trafficDistribution),
    topologyKeys: unlessEmpty(topologyKeys),
  };
};

const rawSlice = (slice: EndpointSlice): RawObject => {
  const { kind, serviceName, isHeadless, addressType, ports, endpoints, lastChangeTriggerMs } = slice;
  return {
    kind,
    metadata: {
      ...metadataOf(slice),
      labels: { [SERVICE_NAME]: serviceName, ...(isHeadless ? { [HEADLESS]: '' } : {}) },
      annotations:
        lastChangeTriggerMs === null
          ? undefined
          : { [LAST_CHANGE_TRIGGER]: new Date(lastChangeTriggerMs).toISOString() },
    },
    addressType,
    ports: unlessEmpty(ports),
    endpoints: endpoints.map(rawEndpoint),
  };
};

const rawEndpoint = (endpoint: Endpoint): RawObject => {
  const { addresses, isReady, isServing, isTerminating, hostname, targetName, nodeName, zone } = endpoint;
  const { zoneHints, nodeHints } = endpoint;
  return {
    addresses,
    conditions:
      isReady && isServing && !isTerminating
        ? undefined
        : { ready: isReady, serving: isServing, terminating: isTerminating },
    hostname: unlessEmpty(hostname),
    targetRef: targetName === '' ? undefined : { name: targetName },
    nodeName: unlessEmpty(nodeName),
    zone: unlessEmpty(zone),
    hints:
      zoneHints.length + nodeHints.length === 0
        ? undefined
        : { forZones: zoneHints.map((name) => ({ name })), forNodes: nodeHints.map((name) => ({ name })) },
  };
};

const rawNode = (node: Node): RawObject => ({
  kind: node.kind,
  metadata: { ...metadataOf(node), labels: node.labels, ...(node.isLeaving ? { deletionTimestamp: '' } : {}) },
  spec: { podCIDRs: node.podCIDRs },
  status: { addresses: node.addresses },
});

/** JSON leaves out what is undefined. */
const unlessEmpty = <T extends { readonly length: number }>(value: T): T | undefined =>
  value.length === 0 ? undefined : value;
