import { SERVICE_NAME } from '../objects/endpoint-slice.ts';
import { asObject, asText, type RawObject } from '../objects/json.ts';
import { type AddressRange, addressRange } from './address-range.ts';
import { allotClusterIps, type ClusterIps } from './cluster-ips.ts';
import { completeService } from './complete-service.ts';
import { slicesFromPods } from './endpoint-slices.ts';
import type { ManifestFault } from './fault.ts';
import { headerOf, ownMetadata } from './header.ts';
import { mirrorEndpoints } from './mirror-endpoints.ts';
import { nodeFaults } from './node-faults.ts';
import { allotNodePorts } from './node-ports.ts';
import { type CompletePod, completePods } from './pods.ts';
import { label, type ManifestKind, type ManifestObject } from './read-objects.ts';
import { PodIndex } from './select-pods.ts';
import { readServiceCidrs, reportOutside } from './service-cidrs.ts';
import { serviceFaults } from './service-faults.ts';
import { sliceFaults } from './slice-faults.ts';

/** The cluster that the manifests describe, in the API's form, as its controllers would have left it. Each list is sorted. */
export interface CompleteCluster {
  readonly namespaces: readonly RawObject[];
  readonly services: readonly RawObject[];
  readonly endpointSlices: readonly RawObject[];
  readonly pods: readonly RawObject[];
  readonly nodes: readonly RawObject[];
  readonly serviceCidrs: readonly RawObject[];
  readonly faults: readonly ManifestFault[];
}

/** Where ClusterIPs come from unless it is said: kubeadm's range, and one for IPv6. */
export const SERVICE_CIDRS: readonly string[] = ['10.96.0.0/12', 'fd00:10:96::/112'];

/**
 * Plays the part of a cluster's controllers: namespaces, ClusterIPs, node ports, Pod addresses, EndpointSlices.
 * ClusterIPs come from `serviceCidrs`, else from the ServiceCIDRs among the objects, else from SERVICE_CIDRS. The result depends on the objects alone, not on files or history; the order only says which of two of one name counts.
 */
export const completeCluster = (
  objects: readonly ManifestObject[],
  usedNamespaces: ReadonlySet<string>,
  serviceCidrs?: readonly string[],
): CompleteCluster => {
  const faults: ManifestFault[] = [];
  const byKind = groupByKind(objects, faults);
  const services = byKind.Service;
  for (const service of services) faults.push(...serviceFaults(service));
  for (const node of byKind.Node) faults.push(...nodeFaults(node));
  const stated = readServiceCidrs(byKind.ServiceCIDR, faults);
  const ranges = rangesOf(serviceCidrs ?? (stated.length > 0 ? stated : SERVICE_CIDRS));
  const ips = allotClusterIps(services, ranges, faults);
  if (serviceCidrs === undefined) reportOutside(services, ips, stated, faults);
  const nodePorts = allotNodePorts(services, faults);
  const pods = completePods(byKind.Pod, faults);
  return {
    namespaces: completeNamespaces(byKind.Namespace, usedNamespaces),
    services: services.map((service) => completeService(service, ips.get(service), nodePorts(service))),
    endpointSlices: [
      ...byKind.EndpointSlice.map((slice) => givenSlice(slice, faults)),
      ...generatedSlices(byKind, ips, pods, faults),
    ].sort(byKey),
    pods: pods.map(podObject),
    nodes: byKind.Node.map((node) => ({ ...node.raw, ...headerOf(node) })),
    serviceCidrs: byKind.ServiceCIDR.map((cidr) => ({ ...cidr.raw, ...headerOf(cidr) })),
    faults,
  };
};

const rangesOf = (cidrs: readonly string[]): AddressRange[] =>
  cidrs.map(addressRange).filter((range): range is AddressRange => range !== null);

type ByKind = Readonly<Record<ManifestKind, ManifestObject[]>>;

/** The first of two objects that are called the same is kept. */
const groupByKind = (objects: readonly ManifestObject[], faults: ManifestFault[]): ByKind => {
  const byKind: ByKind = {
    ...{ Namespace: [], Service: [], EndpointSlice: [], Endpoints: [], Pod: [], Node: [], ServiceCIDR: [] },
  };
  const seen = new Map<string, ManifestObject>();
  for (const object of objects) {
    const key = `${object.kind} ${object.namespace}/${object.name}`;
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, object);
      byKind[object.kind].push(object);
      continue;
    }
    const { file, line } = first.at([]);
    const message = `${label(object.kind, object.namespace, object.name)} is in ${file}:${line} already, and that one counts: remove one of them`;
    faults.push({ position: object.at([]), message });
  }
  for (const list of Object.values(byKind)) list.sort((a, b) => compare(keyOf(a), keyOf(b)));
  return byKind;
};

const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const rawKey = (raw: RawObject): string => {
  const { namespace, name } = asObject(raw.metadata);
  return `${asText(namespace)}/${asText(name)}`;
};
const byKey = (a: RawObject, b: RawObject): number => compare(rawKey(a), rawKey(b));

const ALWAYS_THERE = ['default', 'kube-system'];

const completeNamespaces = (given: readonly ManifestObject[], used: ReadonlySet<string>): RawObject[] => {
  const byName = new Map(given.map((namespace) => [namespace.name, namespace.raw]));
  const names = new Set([...byName.keys(), ...used, ...ALWAYS_THERE]);
  return [...names].sort(compare).map((name) => {
    const raw = byName.get(name) ?? {};
    const metadata = asObject(raw.metadata);
    // Every API server sets this label.
    const labels = { ...asObject(metadata.labels), 'kubernetes.io/metadata.name': name };
    return { ...raw, apiVersion: 'v1', kind: 'Namespace', metadata: { ...ownMetadata(metadata), name, labels } };
  });
};

const serviceNameOf = (slice: ManifestObject): string =>
  asText(asObject(asObject(slice.raw.metadata).labels)[SERVICE_NAME]);

const givenSlice = (slice: ManifestObject, faults: ManifestFault[]): RawObject => {
  if (serviceNameOf(slice) === '') {
    const message = `${label('EndpointSlice', slice.namespace, slice.name)} belongs to no Service: give it the label ${SERVICE_NAME}`;
    faults.push({ position: slice.at(['metadata']), message });
  }
  faults.push(...sliceFaults(slice));
  return { ...slice.raw, ...headerOf(slice) };
};

/** Slices for the Services that none are given for: from an Endpoints object, else from the Pods that are selected. */
const generatedSlices = (
  byKind: ByKind,
  ips: ReadonlyMap<ManifestObject, ClusterIps>,
  pods: readonly CompletePod[],
  faults: ManifestFault[],
): RawObject[] => {
  const hasSlices = new Set(byKind.EndpointSlice.map((slice) => `${slice.namespace}/${serviceNameOf(slice)}`));
  const endpoints = new Map(byKind.Endpoints.map((object) => [keyOf(object), object]));
  const index = new PodIndex(pods);
  const zones = zonesOf(byKind.Node);
  const slices: RawObject[] = [];
  for (const service of byKind.Service) {
    const given = endpoints.get(keyOf(service));
    endpoints.delete(keyOf(service));
    const families = ips.get(service)?.ipFamilies;
    if (families === undefined || hasSlices.has(keyOf(service))) continue;
    if (given !== undefined) slices.push(...mirrorEndpoints(service, given, faults));
    else slices.push(...slicesFromPods(service, families, index.select(service), zones));
  }
  for (const orphan of endpoints.values()) reportOrphan(orphan, faults);
  return slices;
};

const ZONE = 'topology.kubernetes.io/zone';

/** Zones by the names of their Nodes. */
const zonesOf = (nodes: readonly ManifestObject[]): ReadonlyMap<string, string> =>
  new Map(nodes.map(({ name, raw }) => [name, asText(asObject(asObject(raw.metadata).labels)[ZONE])]));

const LEADER = 'control-plane.alpha.kubernetes.io/leader';

const reportOrphan = (endpoints: ManifestObject, faults: ManifestFault[]): void => {
  if (Object.hasOwn(asObject(asObject(endpoints.raw.metadata).annotations), LEADER)) return;
  const message = `${label('Endpoints', endpoints.namespace, endpoints.name)}: there is no Service of that name, so nothing is served for it`;
  faults.push({ position: endpoints.at([]), message });
};

const podObject = ({ object, ips, phase }: CompletePod): RawObject => ({
  ...object.raw,
  ...headerOf(object),
  status: {
    ...asObject(object.raw.status),
    phase,
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
  },
});
