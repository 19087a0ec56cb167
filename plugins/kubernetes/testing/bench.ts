import { recordToText } from '#dns/record-text.ts';
import { rcodeName } from '#dns/registry/rcodes.ts';
import { projectEndpointSlice } from '#kube/objects/endpoint-slice.ts';
import { projectNamespace } from '#kube/objects/namespace.ts';
import { projectPod } from '#kube/objects/pod.ts';
import { projectService } from '#kube/objects/service.ts';
import type { ClusterSource, Kind, KubeObject, SourceEvents } from '#kube/source.ts';
import { type BlockInfo, failure, type Next, type Reply, type Services } from '#plugin/index.ts';
import { setupPlugin, type TestQueryOptions, testQuery, testServices } from '#plugin/testing.ts';
import definition from '../index.ts';
import { KubernetesInstance } from '../instance.ts';
import type { NetworkInterfaces } from '../own-addresses.ts';

/** An object as a manifest has it. */
export type Manifest = Readonly<Record<string, unknown>> & { readonly kind: string };

const PROJECTIONS: Readonly<Record<string, (raw: unknown) => KubeObject | null>> = {
  Service: projectService,
  EndpointSlice: projectEndpointSlice,
  Namespace: projectNamespace,
  Pod: projectPod,
};

/** A source that a test holds in its hand: at the seam to the outside. */
export class TestSource implements ClusterSource {
  #events: SourceEvents | null = null;
  #isSynced: boolean;
  readonly #known = new Map<string, KubeObject>();
  readonly #objects: readonly KubeObject[];
  isStopped = false;

  get isStarted(): boolean {
    return this.#events !== null;
  }

  constructor(manifests: readonly Manifest[] = [], isSynced = true) {
    this.#objects = manifests.map(objectOf);
    this.#isSynced = isSynced;
  }

  start(events: SourceEvents): void {
    this.#events = events;
    for (const object of this.#objects) this.#give(object);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  isSynced(): boolean {
    return this.#isSynced;
  }

  sync(): void {
    this.#isSynced = true;
    this.#events?.synced('Service');
  }

  /** The cluster can't be listed. */
  away(): void {
    this.#events?.away?.();
  }

  objects(): Iterable<KubeObject> {
    return this.#known.values();
  }

  restore(object: KubeObject): void {
    if (!this.#known.has(keyOf(object))) this.#give(object);
  }

  set(manifest: Manifest): void {
    this.#give(objectOf(manifest));
  }

  #give(object: KubeObject): void {
    this.#known.set(keyOf(object), object);
    this.#events?.change({ type: 'set', object });
  }

  delete(kind: Kind, namespace: string, name: string): void {
    this.#known.delete(keyOf({ kind, namespace, name }));
    this.#events?.change({ type: 'delete', kind, namespace, name });
  }
}

const keyOf = ({ kind, namespace, name }: Pick<KubeObject, 'kind' | 'namespace' | 'name'>): string =>
  `${kind} ${namespace}/${name}`;

const objectOf = (manifest: Manifest): KubeObject => {
  const object = PROJECTIONS[manifest.kind]?.(manifest) ?? null;
  if (object === null) throw new Error(`no object in ${JSON.stringify(manifest)}`);
  return object;
};

/** A reply in text. */
export interface TextReply {
  readonly rcode: string;
  /** `aa`, `tc`, `bare`. */
  readonly flags: string;
  readonly answer: readonly string[];
  readonly authority: readonly string[];
  readonly additional: readonly string[];
}

export const textOf = (reply: Reply): TextReply => {
  if (reply.kind !== 'answer') throw new Error(`a ${reply.kind} is no answer`);
  const flags = [reply.isAuthoritative && 'aa', reply.isTruncated && 'tc', reply.isBare && 'bare'];
  return {
    rcode: rcodeName(reply.rcode),
    flags: flags.filter(Boolean).join(' '),
    answer: reply.answer.map(recordToText),
    authority: reply.authority.map(recordToText),
    additional: reply.additional.map(recordToText),
  };
};

/** The plugin with a source in a test's hand. */
export interface Bench {
  readonly source: TestSource;
  readonly instance: KubernetesInstance;
  readonly services: Services;
  query(name: string, type: string, options?: TestQueryOptions): Promise<TextReply>;
}

export interface BenchOptions {
  readonly stanza?: string;
  readonly zones?: readonly string[];
  readonly source?: TestSource;
  readonly services?: Services;
  readonly networkInterfaces?: NetworkInterfaces;
  readonly next?: Next;
}

/** Sets the plugin up as a Corefile would and starts it. */
export const startBench = async (manifests: readonly Manifest[], options: BenchOptions = {}): Promise<Bench> => {
  const { stanza = 'kubernetes', zones = ['cluster.local.'], next = () => failure(2) } = options;
  const services = options.services ?? testServices();
  const source = options.source ?? new TestSource(manifests);
  const setup = setupPlugin(definition, stanza, { services, zones });
  if (setup.faults.list.length > 0) throw new Error(setup.faults.list.map(({ message }) => message).join('\n'));
  const instance = new KubernetesInstance(
    (setup.instance as KubernetesInstance).options,
    setup.block as BlockInfo,
    services,
    {
      openSource: async () => () => source,
      networkInterfaces: options.networkInterfaces ?? (() => ({})),
    },
  );
  await instance.start();
  const query = async (name: string, type: string, queryOptions: TestQueryOptions = {}): Promise<TextReply> =>
    textOf(await instance.handle(testQuery(name, type, { generations: services.generations, ...queryOptions }), next));
  return { source, instance, services, query };
};
