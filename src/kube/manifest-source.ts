import type { Log } from '#log/log.ts';
import { type LabelSelector, matchesLabels, parseLabelSelector } from './label-selector.ts';
import { type CompleteCluster, completeCluster } from './manifests/complete.ts';
import type { DirectorySnapshot } from './manifests/directory-snapshot.ts';
import { DirectoryWatcher, type Watch } from './manifests/directory-watcher.ts';
import { formatFault, type ManifestFault } from './manifests/fault.ts';
import { ManifestReader } from './manifests/manifest-reader.ts';
import { projectEndpointSlice } from './objects/endpoint-slice.ts';
import { asObject, asText, type RawObject } from './objects/json.ts';
import { projectLabels } from './objects/meta.ts';
import { projectNamespace } from './objects/namespace.ts';
import { projectNode } from './objects/node.ts';
import { projectPod } from './objects/pod.ts';
import { projectService } from './objects/service.ts';
import { projectServiceCidr } from './objects/service-cidr.ts';
import type { Change, ClusterSource, Kind, KubeObject, SourceEvents, SourceFilter } from './source.ts';

export interface ManifestSourceOptions {
  readonly directories: readonly string[];
  readonly filter: SourceFilter;
  readonly log: Log;
  /** Where ClusterIPs are allotted from; unless given, the ServiceCIDRs among the manifests, else kubeadm's range and one for IPv6. */
  readonly serviceCidrs?: readonly string[];
  /** Other than `node:fs` in tests. */
  readonly watch?: Watch;
  readonly pollMs?: number;
}

/** A cluster from directories of manifests, read at the start and again whenever they change. */
export class ManifestSource implements ClusterSource {
  readonly #options: ManifestSourceOptions;
  readonly #objectSelector: LabelSelector;
  readonly #namespaceSelector: LabelSelector;
  readonly #reader = new ManifestReader();
  #given = new Map<string, Given>();
  #reported = new Set<string>();
  #watcher: DirectoryWatcher | undefined;
  #version = 0;
  #isSynced = false;

  /** Throws where a selector of the filter is not one. */
  constructor(options: ManifestSourceOptions) {
    this.#options = options;
    this.#objectSelector = selectorOf(options.filter.labelSelector);
    this.#namespaceSelector = selectorOf(options.filter.namespaceLabelSelector);
  }

  /** Everything is read within this call. */
  start(events: SourceEvents): void {
    const { directories, watch, pollMs } = this.#options;
    this.#watcher = new DirectoryWatcher({
      directories,
      changed: (snapshots) => this.#apply(snapshots, events),
      ...(watch === undefined ? {} : { watch }),
      ...(pollMs === undefined ? {} : { pollMs }),
    });
    this.#apply(this.#watcher.start(), events);
    this.#isSynced = true;
    for (const kind of this.#kinds()) events.synced(kind);
  }

  async stop(): Promise<void> {
    this.#watcher?.stop();
  }

  isSynced(): boolean {
    return this.#isSynced;
  }

  #kinds(): Kind[] {
    const { hasNamespaces = true, hasEndpointSlices, hasPods, nodes, hasServiceCidrs } = this.#options.filter;
    return [
      ...(hasNamespaces ? (['Namespace'] as const) : []),
      ...(hasServiceCidrs ? (['ServiceCIDR'] as const) : []),
      ...(nodes === undefined ? [] : (['Node'] as const)),
      'Service',
      ...(hasEndpointSlices ? (['EndpointSlice'] as const) : []),
      ...(hasPods ? (['Pod'] as const) : []),
    ];
  }

  #apply(snapshots: readonly DirectorySnapshot[], events: SourceEvents): void {
    const { objects, namespaces, faults } = this.#reader.read(snapshots);
    const cluster = completeCluster(objects, namespaces, this.#options.serviceCidrs);
    this.#report([...faults, ...cluster.faults]);
    const changes = this.#difference(this.#select(cluster));
    for (const change of changes) events.change(change);
    this.#options.log.debug(`manifests: ${objects.length} objects, ${changes.length} changes`);
  }

  /** Each fault once, until it is mended. */
  #report(faults: readonly ManifestFault[]): void {
    const lines = new Set(faults.map(formatFault));
    for (const line of lines) if (!this.#reported.has(line)) this.#options.log.warning(`manifests: ${line}`);
    if (lines.size === 0 && this.#reported.size > 0) this.#options.log.info('manifests: all faults are mended');
    this.#reported = lines;
  }

  /** What an API server would have listed for the filter. */
  #select({ namespaces, services, endpointSlices, pods, nodes, serviceCidrs }: CompleteCluster): KubeObject[] {
    const { filter } = this.#options;
    const { hasNamespaces = true, hasEndpointSlices, hasPods } = filter;
    const isWanted = (raw: RawObject): boolean => matchesLabels(this.#objectSelector, labelsOf(raw));
    const isNamed = (raw: RawObject): boolean => matchesLabels(this.#namespaceSelector, labelsOf(raw));
    return [
      ...(hasNamespaces ? namespaces.filter(isNamed).map(projectNamespace) : []),
      ...(filter.hasServiceCidrs ? serviceCidrs.map(projectServiceCidr) : []),
      ...nodes.filter((node) => isNodeWanted(node, filter.nodes)).map(projectNode),
      ...services.filter(isWanted).map(projectService),
      ...(hasEndpointSlices ? endpointSlices.filter(isWanted).map(projectEndpointSlice) : []),
      ...(hasPods ? pods.filter((pod) => isWanted(pod) && !hasEnded(pod)).map(projectPod) : []),
    ].filter((object) => object !== null);
  }

  /** New and different objects, then those that are gone, Namespaces last. */
  #difference(objects: readonly KubeObject[]): Change[] {
    const changes: Change[] = [];
    const given = new Map<string, Given>();
    for (const object of objects) {
      const { kind, namespace, name } = object;
      const key = `${kind} ${namespace}/${name}`;
      const content = JSON.stringify(object);
      const before = this.#given.get(key);
      const isSame = before?.content === content;
      given.set(key, isSame ? before : { content, kind, namespace, name });
      if (!isSame) changes.push({ type: 'set', object: { ...object, resourceVersion: String(++this.#version) } });
    }
    const gone = [...this.#given].filter(([key]) => !given.has(key)).reverse();
    for (const [, { kind, namespace, name }] of gone) changes.push({ type: 'delete', kind, namespace, name });
    this.#given = given;
    return changes;
  }
}

interface Given {
  /** Compared with the next reading. */
  readonly content: string;
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
}

const selectorOf = (text: string): LabelSelector => {
  const selector = parseLabelSelector(text);
  if ('error' in selector) throw new Error(selector.error);
  return selector;
};

const labelsOf = (raw: RawObject): Readonly<Record<string, string>> => projectLabels(asObject(raw.metadata).labels);

const isNodeWanted = (node: RawObject, which: SourceFilter['nodes']): boolean =>
  which !== undefined && (which === 'all' || asObject(node.metadata).name === which.name);

/** CoreDNS asks the server for Pods that are not in one of these phases. */
const ENDED = new Set(['Succeeded', 'Failed', 'Unknown']);
const hasEnded = (pod: RawObject): boolean => ENDED.has(asText(asObject(pod.status).phase));
