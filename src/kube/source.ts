import type { EndpointSlice } from './objects/endpoint-slice.ts';
import type { Namespace } from './objects/namespace.ts';
import type { Pod } from './objects/pod.ts';
import type { Service } from './objects/service.ts';

export type KubeObject = Service | EndpointSlice | Namespace | Pod;
export type Kind = KubeObject['kind'];

/** One object that is new or different, or that is gone. */
export type Change =
  | { readonly type: 'set'; readonly object: KubeObject }
  | { readonly type: 'delete'; readonly kind: Kind; readonly namespace: string; readonly name: string };

/** What to watch. */
export interface SourceFilter {
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
