import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts';
import type { Node } from '#kube/objects/node.ts';
import type { Service } from '#kube/objects/service.ts';
import type { Change, Kind, KubeObject } from '#kube/source.ts';
import type { IpFamily } from '../rule-options.ts';
import { candidates } from './candidates.ts';
import { ClusterNodes, type NodeEffect } from './cluster-nodes.ts';
import type { Surroundings } from './decide.ts';
import { FamilyPorts } from './family-ports.ts';
import { ServiceCidrs } from './service-cidrs.ts';
import type { Endpoint, ServicePort, ServicePorts } from './service-port.ts';
import { ServiceState } from './service-state.ts';

export interface ClusterModelSettings {
  readonly nodeName: string;
  /** Families that are kept; both unless it is said. */
  readonly families?: readonly IpFamily[];
}

/** What one family looks like, and what is new since the last time it was taken. */
export interface Taken {
  /** The same Map each time: it changes within `take` of this family and at no other time. Its order says nothing. */
  readonly ports: ServicePorts;
  /** Keys that are new, different or gone. */
  readonly changed: ReadonlySet<string>;
  /** For the log: entries that a ServicePort lost to another one since the last time. */
  readonly conflicts: readonly string[];
  /** Ranges of ClusterIPs of this family, sorted; the same list as long as it is equal. */
  readonly serviceCidrs: readonly string[];
  /** This node; null as long as it is not known. */
  readonly node: Node | null;
  /** `lastChangeTriggerMs` of the slices that came since the last time: when what is now told of began. */
  readonly triggersMs: readonly number[];
  /** How many have endpoints, but none on this node, where a policy is Local. */
  readonly noLocalEndpoints: { readonly internal: number; readonly external: number };
}

/**
 * The cluster as this node's Service proxy sees it: takes changes of a source, gives ServicePorts. `apply` only notes what a change
 * touches; `take` decides anew for those Services.
 */
export class ClusterModel {
  readonly #services = new Map<string, ServiceState>();
  /** Slice -> the Service that it was for. */
  readonly #owners = new Map<string, ServiceState>();
  readonly #withTopologyKeys = new Set<ServiceState>();
  readonly #nodes: ClusterNodes;
  readonly #cidrs = new ServiceCidrs();
  readonly #families: ReadonlyMap<IpFamily, { readonly ports: FamilyPorts; triggersMs: number[] }>;

  constructor({ nodeName, families = ['IPv4', 'IPv6'] }: ClusterModelSettings) {
    this.#nodes = new ClusterNodes(nodeName);
    this.#families = new Map(
      families.map((family) => [family, { ports: new FamilyPorts(family, this.#nodes), triggersMs: [] }]),
    );
  }

  /** Takes a change over. Kinds that the Service proxy has no use for are passed over. */
  apply(change: Change): void {
    if (change.type === 'set') this.#set(change.object);
    else this.#delete(change.kind, change.namespace, change.name);
  }

  /** One family as it is now. Throws where the family is not kept. */
  take(family: IpFamily): Taken {
    const kept = this.#families.get(family);
    if (kept === undefined) throw new Error(`${family} is not kept by this model`);
    const { changed, conflicts } = kept.ports.refresh();
    const { triggersMs } = kept;
    kept.triggersMs = [];
    return {
      ports: kept.ports.ports,
      changed,
      conflicts,
      serviceCidrs: this.#cidrs.of(family),
      node: this.#nodes.node,
      triggersMs,
      noLocalEndpoints: kept.ports.noLocalEndpoints,
    };
  }

  /**
   * All endpoints of a ServicePort that take traffic, here and elsewhere, chosen by policy or not: a flow that goes to one of them may go
   * on. Unlike `take` it tells of now.
   */
  serving({ namespace, name, portName, protocol, family }: ServicePort): readonly Endpoint[] {
    const slices = this.#services.get(`${namespace}/${name}`)?.slices ?? [];
    return candidates(slices, { name: portName, protocol }, family, this.#nodes.nodeName).filter(
      ({ endpoint }) => endpoint.isReady || endpoint.isServing,
    );
  }

  /** What is known under a Service name (`NAMESPACE/NAME`). */
  service(key: string): ServiceState | undefined {
    return this.#services.get(key);
  }

  /** All that is known, in no particular order. */
  services(): Iterable<ServiceState> {
    return this.#services.values();
  }

  /** The Nodes, as decisions ask for them. */
  get surroundings(): Surroundings {
    return this.#nodes;
  }

  #set(object: KubeObject): void {
    if (object.kind === 'Service') this.#setService(object);
    else if (object.kind === 'EndpointSlice') this.#setSlice(object);
    else if (object.kind === 'Node') this.#afterNode(this.#nodes.set(object));
    else if (object.kind === 'ServiceCIDR') this.#cidrs.set(object);
  }

  #delete(kind: Kind, namespace: string, name: string): void {
    if (kind === 'Service') this.#deleteService(namespace, name);
    else if (kind === 'EndpointSlice') this.#deleteSlice(namespace, name);
    else if (kind === 'Node') this.#afterNode(this.#nodes.delete(name));
    else if (kind === 'ServiceCIDR') this.#cidrs.delete(name);
  }

  #state(namespace: string, name: string): ServiceState {
    const key = `${namespace}/${name}`;
    let state = this.#services.get(key);
    if (state === undefined) {
      state = new ServiceState(key);
      this.#services.set(key, state);
    }
    return state;
  }

  #setService(service: Service): void {
    const state = this.#state(service.namespace, service.name);
    state.service = service;
    if (service.topologyKeys.length > 0) this.#withTopologyKeys.add(state);
    else this.#withTopologyKeys.delete(state);
    this.#touch(state);
  }

  #deleteService(namespace: string, name: string): void {
    const state = this.#services.get(`${namespace}/${name}`);
    if (state === undefined) return;
    state.service = null;
    this.#withTopologyKeys.delete(state);
    this.#touch(state);
  }

  #setSlice(slice: EndpointSlice): void {
    const { namespace, name, serviceName } = slice;
    const key = `${namespace}/${name}`;
    const owner = this.#owners.get(key);
    if (owner !== undefined && owner.key !== `${namespace}/${serviceName}`) this.#deleteSlice(namespace, name);
    if (serviceName === '') return;
    const state = this.#state(namespace, serviceName);
    this.#owners.set(key, state);
    const old = state.setSlice(slice);
    const { lastChangeTriggerMs, addressType } = slice;
    if (lastChangeTriggerMs !== null && lastChangeTriggerMs !== old?.lastChangeTriggerMs && addressType !== 'FQDN')
      this.#families.get(addressType)?.triggersMs.push(lastChangeTriggerMs);
    this.#touch(state);
  }

  #deleteSlice(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    const state = this.#owners.get(key);
    if (state === undefined) return;
    this.#owners.delete(key);
    state.deleteSlice(name);
    this.#touch(state);
  }

  #afterNode(effect: NodeEffect): void {
    if (effect === 'nothing') return;
    const touched = effect === 'all services' ? this.#services.values() : this.#withTopologyKeys;
    for (const state of touched) this.#touch(state);
  }

  #touch(state: ServiceState): void {
    for (const { ports } of this.#families.values()) ports.touch(state);
    if (state.isEmpty) this.#services.delete(state.key);
  }
}
