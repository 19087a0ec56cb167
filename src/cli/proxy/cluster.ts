import { statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { connectionFault } from '#kube/api/connection-fault.ts';
import { ApiSource } from '#kube/api-source.ts';
import { ManifestSource } from '#kube/manifest-source.ts';
import type { ClusterSource, Kind, KubeObject, SourceFilter } from '#kube/source.ts';
import { Log } from '#log/log.ts';
import { Metrics } from '#metrics/metrics.ts';
import { VERSION } from '../version.ts';
import { ProxyFault } from './fault.ts';

/** Where a cluster is read from. */
export type ClusterPlace =
  | { readonly kind: 'manifests'; readonly directories: readonly string[] }
  | { readonly kind: 'kubeconfig'; readonly file: string }
  /** The one that the Pod is in which this runs. */
  | { readonly kind: 'in-cluster' };

/** All that rules are made from, read once. */
export interface ClusterReading {
  readonly objects: readonly KubeObject[];
  /** Where it was read from, for messages. */
  readonly title: string;
  /** What is wrong in manifests, `FILE:LINE:COLUMN: message` each; the objects that have it are left out. */
  readonly faults: readonly string[];
  /** What could not be read and need not be. */
  readonly notes: readonly string[];
}

const FILTER: SourceFilter = {
  hasNamespaces: false,
  nodes: 'all',
  hasServiceCidrs: true,
  hasPods: false,
  hasEndpointSlices: true,
  labelSelector: '',
  namespaceLabelSelector: '',
};

/** Reads a cluster, and ends. Rejects with ProxyFault where it can't be read. */
export const readCluster = (place: ClusterPlace, timeoutMs = 30_000): Promise<ClusterReading> =>
  place.kind === 'manifests' ? readManifests(place.directories) : readApi(place, timeoutMs);

/** A fault for each path that is no directory. */
export const missingDirectories = (paths: readonly string[]): string[] =>
  paths
    .filter((path) => !statSync(path, { throwIfNoEntry: false })?.isDirectory())
    .map((path) => `${path} is not a directory`);

const readManifests = async (directories: readonly string[]): Promise<ClusterReading> => {
  const missing = missingDirectories(directories);
  if (missing.length > 0) throw new ProxyFault(missing);
  const { log, lines } = keptLog();
  const source = new ManifestSource({ directories, filter: FILTER, log });
  const { objects } = collect(source);
  await source.stop();
  return {
    objects: objects(),
    title: directories.join(', '),
    faults: lines.map((line) => line.replace(/^manifests: /, '')),
    notes: [],
  };
};

const readApi = async (
  connection: Exclude<ClusterPlace, { kind: 'manifests' }>,
  timeoutMs: number,
): Promise<ClusterReading> => {
  const title = connection.kind === 'kubeconfig' ? connection.file : 'the cluster of this Pod';
  const named = connection.kind === 'kubeconfig' ? `--kubeconfig ${title}` : title;
  const fault = await connectionFault(connection);
  if (fault !== null) throw new ProxyFault([`${named}: ${fault}`]);
  const { log, lines } = keptLog();
  const source = new ApiSource({
    connection,
    filter: FILTER,
    log,
    metrics: new Metrics(),
    userAgent: `cluster-dns/${VERSION}`,
    random: Math.random,
  });
  const ending = new AbortController();
  const wait = (ms: number): Promise<'timeout'> =>
    delay(ms, 'timeout' as const, { signal: ending.signal }).catch(() => 'timeout');
  const collected = collect(source);
  let end = await Promise.race([collected.end, wait(timeoutMs)]);
  // One kind may be refused, and others be on their way.
  if (end === 'away') end = await Promise.race([collected.needed, wait(GRACE_MS)]);
  ending.abort();
  await source.stop();
  const isUsable = end === 'synced' || collected.hasNeeded();
  const reasons = lines.map((line) => line.replace(/; what is known is still served, trying again$/, ''));
  if (isUsable) return { objects: collected.objects(), title, faults: [], notes: reasons };
  const waited =
    end === 'timeout' && reasons.length === 0 ? [`the API server has not been listed in ${timeoutMs / 1000} s`] : [];
  throw new ProxyFault([...waited, ...reasons].map((text) => `${named}: ${text}`));
};

interface Collected {
  /** In the order of kind, Namespace and name, whatever order they came in. */
  objects(): readonly KubeObject[];
  /** Resolves with the first whole lists, or once two tries have failed. */
  readonly end: Promise<'synced' | 'away' | 'timeout'>;
  /** Resolves with the first whole lists of what no rule can do without. */
  readonly needed: Promise<'synced'>;
  hasNeeded(): boolean;
}

/** Without Nodes and ServiceCIDRs, which an account may not be allowed to list, rules are nearly whole. */
const NEEDED: readonly Kind[] = ['Service', 'EndpointSlice'];
const GRACE_MS = 3000;

/** Starts a source and keeps what it tells. */
const collect = (source: ClusterSource): Collected => {
  const known = new Map<string, KubeObject>();
  const keyOf = (kind: Kind, namespace: string, name: string): string => `${kind} ${namespace}/${name}`;
  const missing = new Set<Kind>(NEEDED);
  let resolveNeeded: (value: 'synced') => void = () => undefined;
  const needed = new Promise<'synced'>((resolve) => {
    resolveNeeded = resolve;
  });
  const end = new Promise<'synced' | 'away'>((resolve) => {
    source.start({
      change: (change) => {
        const { kind, namespace, name } = change.type === 'set' ? change.object : change;
        if (change.type === 'set') known.set(keyOf(kind, namespace, name), change.object);
        else known.delete(keyOf(kind, namespace, name));
      },
      synced: (kind) => {
        missing.delete(kind);
        if (missing.size === 0) resolveNeeded('synced');
        if (source.isSynced()) resolve('synced');
      },
      away: () => resolve('away'),
    });
  });
  const objects = (): KubeObject[] => [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
  return { objects, end, needed, hasNeeded: () => missing.size === 0 };
};

/** A log whose warnings are kept, to be printed as faults. */
const keptLog = (): { readonly log: Log; readonly lines: readonly string[] } => {
  const lines: string[] = [];
  const write = (level: string, _source: string, message: string): void => {
    if (level === 'warning' || level === 'error') lines.push(message);
  };
  return { log: new Log({ write, flush: async () => undefined }), lines };
};
