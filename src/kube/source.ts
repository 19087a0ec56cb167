import type { EndpointSlice } from './objects/endpoint-slice.ts';
import type { Namespace } from './objects/namespace.ts';
import type { Node } from './objects/node.ts';
import type { Pod } from './objects/pod.ts';
import type { Service } from './objects/service.ts';
import type { ServiceCidr } from './objects/service-cidr.ts';

export type KubeObject = Service | EndpointSlice | Namespace | Pod | Node | ServiceCidr;
export type Kind = KubeObject['kind'];

/** What an object is known by, whatever else of it is kept. */
export interface Known {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
}

/** One object that is new or different, or that is gone. */
export type Change<T extends Known = KubeObject> =
  | { readonly type: 'set'; readonly object: T }
  | { readonly type: 'delete'; readonly kind: Kind; readonly namespace: string; readonly name: string };

/** What to watch; Services always. */
export interface SourceFilter {
  /** Namespaces, which DNS needs and the Service proxy does not; true unless it is said. */
  readonly hasNamespaces?: boolean;
  /** Nodes: all, or the one of this name; none unless it is said. */
  readonly nodes?: 'all' | { readonly name: string };
  /** ServiceCIDRs; false unless it is said. A server that does not have the kind counts as one that has none of them. */
  readonly hasServiceCidrs?: boolean;
  readonly hasPods: boolean;
  readonly hasEndpointSlices: boolean;
  /** Label selector for Services, EndpointSlices and Pods, as text; '' for all. */
  readonly labelSelector: string;
  /** Label selector for Namespaces; '' for all. */
  readonly namespaceLabelSelector: string;
}

export interface SourceEvents {
  /** One change. The receiver applies it within this call. */
  change(change: Change): void;
  /** A kind's first whole list has been given (`isSynced` may now be true). */
  synced(kind: Kind): void;
  /**
   * Some kind could not be listed twice in a row, so the cluster is away, perhaps for long. Told once, and not after the first
   * sync.
   */
  away?(): void;
}

/** Cluster data as a stream of changes: from an API server, or from a directory of manifests. */
export interface ClusterSource {
  /** Begins; never rejects because the cluster is away: it goes on trying until `stop`. */
  start(events: SourceEvents): void;
  stop(): Promise<void>;
  /** True once every watched kind has been listed whole; never false again. */
  isSynced(): boolean;
  /** All that is known now, Namespaces last, for a state file. Absent where the cluster is there at every start. */
  objects?(): Iterable<KubeObject>;
  /** Gives out an object of a state file, until a list says otherwise; passed over where one has already said better. */
  restore?(object: KubeObject): void;
}
