import { changedAddresses, samePorts, sameReadyAddresses, serviceDifference } from './index/differences.ts';
import { MultiMap } from './index/multi-map.ts';
import { ServiceEntry, SliceEntry } from './index/service-entry.ts';
import type { EndpointSlice } from './objects/endpoint-slice.ts';
import type { Namespace } from './objects/namespace.ts';
import type { Pod } from './objects/pod.ts';
import type { Service } from './objects/service.ts';
import type { Change, Kind, KubeObject } from './source.ts';

export { ClusterAddress, octetsOf, ReadyAddress, ServiceEntry, SliceEntry } from './index/service-entry.ts';

const NOTHING: readonly string[] = Object.freeze([]);

/** All that is in one Namespace, whether or not the Namespace itself is known. */
class Scope {
  /** True where the Namespace object is there. */
  exists = false;
  readonly services = new Map<string, ServiceEntry>();
  readonly slices = new Map<string, SliceEntry>();
  readonly pods = new Map<string, Pod>();
  readonly podsByIp = new MultiMap<Pod>();

  get isEmpty(): boolean {
    return !this.exists && this.services.size === 0 && this.slices.size === 0 && this.pods.size === 0;
  }
}

/**
 * The cluster's names and addresses. `apply` is synchronous and changes all that belongs to one object, so a query sees all of a
 * change or none.
 *
 * What changed is told as dependency keys: `svc/NAMESPACE/NAME` for a Service's name and all below it, `ip/ADDRESS` for a reverse
 * name, `ns/NAMESPACE` for a Namespace, `pod/NAMESPACE/ADDRESS` for a Pod's name.
 */
export class ClusterStore {
  readonly #nowSeconds: () => number;
  readonly #scopes = new Map<string, Scope>();
  readonly #servicesByIp = new MultiMap<ServiceEntry>();
  readonly #slicesByIp = new MultiMap<SliceEntry>();
  #modifiedAt = 0;

  /** `nowSeconds`: seconds since 1970. */
  constructor(nowSeconds: () => number) {
    this.#nowSeconds = nowSeconds;
  }

  /** Seconds since 1970 of the last change to records, 0 before the first: the serial of the SOA. Namespaces do not count. */
  get modifiedAt(): number {
    return this.#modifiedAt;
  }

  /** Takes a change over; gives the dependency keys of all that is now different, none where nothing is. */
  apply(change: Change): readonly string[] {
    const touched =
      change.type === 'set' ? this.#set(change.object) : this.#delete(change.kind, change.namespace, change.name);
    const kind = change.type === 'set' ? change.object.kind : change.kind;
    if (touched.length > 0 && kind !== 'Namespace') this.#modifiedAt = this.#nowSeconds();
    return touched;
  }

  hasNamespace(name: string): boolean {
    return this.#scopes.get(name)?.exists ?? false;
  }

  /** What is known under a Service name; there may be slices only. */
  service(namespace: string, name: string): ServiceEntry | undefined {
    return this.#scopes.get(namespace)?.services.get(name);
  }

  /** An EndpointSlice by its own name. */
  slice(namespace: string, name: string): EndpointSlice | undefined {
    return this.#scopes.get(namespace)?.slices.get(name)?.slice;
  }

  /** Services with this cluster IP, as spelled in them. */
  servicesAt(address: string): readonly ServiceEntry[] {
    return this.#servicesByIp.get(address);
  }

  /** Slices with a ready endpoint at this address, as spelled in them. */
  slicesAt(address: string): readonly SliceEntry[] {
    return this.#slicesByIp.get(address);
  }

  /** How many Pods of a Namespace have this address, as spelled in them. */
  podCountAt(namespace: string, address: string): number {
    return this.#scopes.get(namespace)?.podsByIp.get(address).length ?? 0;
  }

  #set(object: KubeObject): readonly string[] {
    switch (object.kind) {
      case 'Service':
        return this.#setService(object);
      case 'EndpointSlice':
        return this.#setSlice(object);
      case 'Namespace':
        return this.#setNamespace(object);
      case 'Pod':
        return this.#setPod(object);
      case 'Node':
      case 'ServiceCIDR':
        return NOTHING;
    }
  }

  #delete(kind: Kind, namespace: string, name: string): readonly string[] {
    const scope = this.#scopes.get(kind === 'Namespace' ? name : namespace);
    if (scope === undefined) return NOTHING;
    const touched = this.#deleteFrom(scope, kind, namespace, name);
    if (scope.isEmpty) this.#scopes.delete(kind === 'Namespace' ? name : namespace);
    return touched;
  }

  #deleteFrom(scope: Scope, kind: Kind, namespace: string, name: string): readonly string[] {
    switch (kind) {
      case 'Service':
        return this.#deleteService(scope, name);
      case 'EndpointSlice':
        return this.#deleteSlice(scope, name);
      case 'Namespace':
        if (!scope.exists) return NOTHING;
        scope.exists = false;
        return [`ns/${name}`];
      case 'Pod': {
        const pod = scope.pods.get(name);
        if (pod === undefined) return NOTHING;
        scope.pods.delete(name);
        scope.podsByIp.delete(pod.ip, pod);
        return [`pod/${namespace}/${pod.ip}`];
      }
      case 'Node':
      case 'ServiceCIDR':
        return NOTHING;
    }
  }

  #scope(namespace: string): Scope {
    let scope = this.#scopes.get(namespace);
    if (scope === undefined) {
      scope = new Scope();
      this.#scopes.set(namespace, scope);
    }
    return scope;
  }

  #entry(scope: Scope, namespace: string, name: string): ServiceEntry {
    let entry = scope.services.get(name);
    if (entry === undefined) {
      entry = new ServiceEntry(namespace, name);
      scope.services.set(name, entry);
    }
    return entry;
  }

  #setNamespace(namespace: Namespace): readonly string[] {
    const scope = this.#scope(namespace.name);
    if (scope.exists) return NOTHING;
    scope.exists = true;
    return [`ns/${namespace.name}`];
  }

  #setService(service: Service): readonly string[] {
    const { namespace, name } = service;
    const entry = this.#entry(this.#scope(namespace), namespace, name);
    const old = entry.service;
    const isDifferent = serviceDifference(old, service).internal;
    entry.service = service;
    if (!isDifferent) return NOTHING;
    const touched = [`svc/${namespace}/${name}`];
    for (const address of old?.clusterIPs ?? []) {
      if (service.clusterIPs.includes(address)) continue;
      this.#servicesByIp.delete(address, entry);
      touched.push(`ip/${address}`);
    }
    for (const address of service.clusterIPs) {
      if (address === 'None' || old?.clusterIPs.includes(address)) continue;
      this.#servicesByIp.add(address, entry);
      touched.push(`ip/${address}`);
    }
    return touched;
  }

  #deleteService(scope: Scope, name: string): readonly string[] {
    const entry = scope.services.get(name);
    const service = entry?.service;
    if (entry === undefined || !service) return NOTHING;
    const touched = [`svc/${entry.namespace}/${name}`];
    for (const address of service.clusterIPs) {
      this.#servicesByIp.delete(address, entry);
      touched.push(`ip/${address}`);
    }
    entry.service = null;
    if (entry.isEmpty) scope.services.delete(name);
    return touched;
  }

  #setSlice(slice: EndpointSlice): readonly string[] {
    const { namespace, name, serviceName } = slice;
    const known = this.#scopes.get(namespace)?.slices.get(name);
    // A slice that names no Service gives no name to answer with.
    if (serviceName === '') return known === undefined ? NOTHING : this.#delete('EndpointSlice', namespace, name);
    if (known?.owner.name === serviceName) return this.#replaceSlice(known, slice);
    const touched = known === undefined ? [] : [...this.#delete('EndpointSlice', namespace, name)];
    const scope = this.#scope(namespace);
    const owner = this.#entry(scope, namespace, serviceName);
    const entry = new SliceEntry(owner, slice);
    owner.slices.push(entry);
    scope.slices.set(name, entry);
    touched.push(`svc/${namespace}/${serviceName}`);
    for (const { isReady, addresses } of slice.endpoints) {
      if (!isReady) continue;
      for (const address of addresses) {
        this.#slicesByIp.add(address, entry);
        touched.push(`ip/${address}`);
      }
    }
    return touched;
  }

  /** A newer version of a slice of the same Service. It keeps its place among the Service's slices. */
  #replaceSlice(entry: SliceEntry, slice: EndpointSlice): readonly string[] {
    const before = entry.addresses;
    const isSamePorts = samePorts(entry.slice.ports, slice.ports);
    entry.replace(slice);
    const now = entry.addresses;
    const changed = changedAddresses(before, now);
    if (changed.length === 0 && isSamePorts && sameReadyAddresses(before, now)) return NOTHING;
    const left = new Set<string>();
    for (const { text } of now) left.add(text);
    const touched = [`svc/${slice.namespace}/${slice.serviceName}`];
    for (const address of changed) {
      if (left.has(address)) this.#slicesByIp.add(address, entry);
      else this.#slicesByIp.delete(address, entry);
      touched.push(`ip/${address}`);
    }
    return touched;
  }

  #deleteSlice(scope: Scope, name: string): readonly string[] {
    const entry = scope.slices.get(name);
    if (entry === undefined) return NOTHING;
    const { owner } = entry;
    scope.slices.delete(name);
    owner.slices.splice(owner.slices.indexOf(entry), 1);
    if (owner.isEmpty) scope.services.delete(owner.name);
    const touched = [`svc/${owner.namespace}/${owner.name}`];
    for (const { isReady, addresses } of entry.slice.endpoints) {
      if (!isReady) continue;
      for (const address of addresses) {
        this.#slicesByIp.delete(address, entry);
        touched.push(`ip/${address}`);
      }
    }
    return touched;
  }

  #setPod(pod: Pod): readonly string[] {
    // A Pod on its way out stays as it was until it is gone; one that is first seen so is never added (CoreDNS: object/pod.go).
    if (pod.isTerminating) return NOTHING;
    const scope = this.#scope(pod.namespace);
    const old = scope.pods.get(pod.name);
    scope.pods.set(pod.name, pod);
    if (old !== undefined) scope.podsByIp.delete(old.ip, old);
    if (pod.ip !== '') scope.podsByIp.add(pod.ip, pod);
    if (old?.ip === pod.ip) return NOTHING;
    const touched = [`pod/${pod.namespace}/${pod.ip}`];
    if (old !== undefined) touched.push(`pod/${pod.namespace}/${old.ip}`);
    return touched;
  }
}
