import type { Endpoint, EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { Node } from '#kube/objects/node.ts';
import type { Service, ServicePort } from '#kube/objects/service.ts';

/** A port of a Service: TCP and without a name or a node port, unless it is said. */
export const portOf = (port: number, changed: Partial<ServicePort> = {}): ServicePort => ({
  name: '',
  protocol: 'tcp',
  port,
  nodePort: 0,
  ...changed,
});

/** The Service `shop/web`, 10.96.0.7:80, with what a test wants to be different. */
export const serviceOf = (changed: Partial<Service> = {}): Service => ({
  kind: 'Service',
  namespace: 'shop',
  name: 'web',
  resourceVersion: '1',
  type: 'ClusterIP',
  clusterIPs: ['10.96.0.7'],
  externalName: '',
  ports: [portOf(80, { name: 'http' })],
  externalIPs: [],
  ingress: [],
  isSelectorless: false,
  internalTrafficPolicy: 'Cluster',
  externalTrafficPolicy: 'Cluster',
  affinitySeconds: 0,
  sourceRanges: [],
  healthCheckNodePort: 0,
  trafficDistribution: '',
  topologyKeys: [],
  proxyName: '',
  ...changed,
});

/** A ready endpoint of which nothing but the address is known. */
export const endpointOf = (address: string, changed: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [address],
  isReady: true,
  isServing: true,
  isTerminating: false,
  hostname: '',
  targetName: '',
  nodeName: '',
  zone: '',
  zoneHints: [],
  nodeHints: [],
  ...changed,
});

/** The slice `shop/web-1` of the Service `web`; it has no ports unless it is said. */
export const sliceOf = (endpoints: readonly Endpoint[], changed: Partial<EndpointSlice> = {}): EndpointSlice => ({
  kind: 'EndpointSlice',
  namespace: 'shop',
  name: 'web-1',
  resourceVersion: '1',
  serviceName: 'web',
  isHeadless: false,
  addressType: 'IPv4',
  ports: [],
  endpoints,
  lastChangeTriggerMs: null,
  ...changed,
});

/** A Node with no labels and no addresses. */
export const nodeOf = (name: string, changed: Partial<Node> = {}): Node => ({
  kind: 'Node',
  namespace: '',
  name,
  resourceVersion: '1',
  labels: {},
  addresses: [],
  podCIDRs: [],
  isLeaving: false,
  ...changed,
});
