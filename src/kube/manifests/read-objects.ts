import { asList, asObject, asText, type RawObject } from '../objects/json.ts';
import type { ManifestFault, Position } from './fault.ts';
import type { Path } from './locate.ts';
import type { ManifestDocument } from './parse-yaml.ts';
import { shown } from './shown.ts';

/** The kinds that are read; all others only name the namespace they live in. */
export type ManifestKind = 'Namespace' | 'Service' | 'EndpointSlice' | 'Endpoints' | 'Pod' | 'Node' | 'ServiceCIDR';

/** Kinds that live in no Namespace. */
const CLUSTER_KINDS: ReadonlySet<string> = new Set<ManifestKind>(['Namespace', 'Node', 'ServiceCIDR']);

/** An object as it stands in a manifest. */
export interface ManifestObject {
  readonly kind: ManifestKind;
  /** '' for what lives in none. */
  readonly namespace: string;
  readonly name: string;
  readonly raw: RawObject;
  /** Where a field stands. */
  at(path: Path): Position;
}

/** The objects of some documents. */
export interface ReadObjects {
  readonly objects: readonly ManifestObject[];
  /** Namespaces that any object, of whatever kind, lives in. */
  readonly namespaces: ReadonlySet<string>;
  readonly faults: readonly ManifestFault[];
}

/** Picks the objects out of documents, those inside a List too. */
export const readObjects = (documents: readonly ManifestDocument[]): ReadObjects => {
  const reader = new ObjectReader();
  for (const document of documents) reader.read(document, document.value, [], '');
  return reader;
};

const MAX_LIST_DEPTH = 4;

class ObjectReader implements ReadObjects {
  readonly objects: ManifestObject[] = [];
  readonly namespaces = new Set<string>();
  readonly faults: ManifestFault[] = [];

  /** `listKind` is what an item of a typed list is, since such items may leave it out. */
  read(document: ManifestDocument, value: unknown, path: Path, listKind: string): void {
    if (value === null || value === undefined) return;
    const raw = asObject(value);
    const kind = asText(raw.kind) || listKind;
    if (kind === '') {
      const found = typeof value === 'object' && !Array.isArray(value) ? 'has no kind' : 'is not an object';
      this.#fault(document, path, `${found}, so it is left out: a manifest has apiVersion, kind and metadata`);
    } else if (kind.endsWith('List') && Array.isArray(raw.items) && path.length < MAX_LIST_DEPTH) {
      for (const [index, item] of asList(raw.items).entries()) {
        this.read(document, item, [...path, 'items', index], kind.slice(0, -'List'.length));
      }
    } else {
      this.#readOne(document, raw, path, kind);
    }
  }

  #readOne(document: ManifestDocument, raw: RawObject, path: Path, kind: string): void {
    const metadata = asObject(raw.metadata);
    const isNamespaced = !CLUSTER_KINDS.has(kind);
    const namespace = isNamespaced ? asText(metadata.namespace) || 'default' : '';
    const known = knownKind(kind, asText(raw.apiVersion));
    if (known === null) {
      if (asText(metadata.namespace) !== '' && nameFault('Namespace', namespace) === '') this.namespaces.add(namespace);
      return;
    }
    const name = asText(metadata.name);
    const fault = objectFault(known, metadata, namespace);
    if (fault !== null) {
      this.#fault(document, [...path, ...fault.path], fault.message);
      return;
    }
    if (asText(raw.apiVersion) === '') {
      this.#fault(
        document,
        path,
        `${label(known, namespace, name)} has no apiVersion: kubectl needs ${API_VERSIONS[known]}`,
      );
    }
    if (isNamespaced) this.namespaces.add(namespace);
    this.objects.push({ kind: known, namespace, name, raw, at: (field) => document.at([...path, ...field]) });
  }

  #fault(document: ManifestDocument, path: Path, message: string): void {
    this.faults.push({ position: document.at(path), message });
  }
}

/** The version that each kind has in Kubernetes. */
export const API_VERSIONS: Readonly<Record<ManifestKind, string>> = {
  Namespace: 'v1',
  Service: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  Endpoints: 'v1',
  Pod: 'v1',
  Node: 'v1',
  ServiceCIDR: 'networking.k8s.io/v1',
};

/** How an object is named in a message: `Service shop/web`. */
export const label = (kind: ManifestKind, namespace: string, name: string): string =>
  `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;

/** A kind of another group may have the same word (Knative has a Service), and is not ours. */
const knownKind = (kind: string, apiVersion: string): ManifestKind | null => {
  if (!Object.hasOwn(API_VERSIONS, kind)) return null;
  const known = kind as ManifestKind;
  const group = (version: string): string => version.slice(0, Math.max(0, version.indexOf('/')));
  return apiVersion === '' || group(apiVersion) === group(API_VERSIONS[known]) ? known : null;
};

interface FieldFault {
  readonly path: Path;
  readonly message: string;
}

const objectFault = (kind: ManifestKind, metadata: RawObject, namespace: string): FieldFault | null => {
  if (asText(metadata.name) === '') {
    const found = metadata.name === '' ? '(none)' : shown(metadata.name);
    const mend = metadata.name === undefined ? `give it metadata.name` : 'write metadata.name as text, in quotes';
    return {
      path: ['metadata', 'name'],
      message: `this ${kind} has no name: found ${found}, so it is left out: ${mend}`,
    };
  }
  const name = asText(metadata.name);
  const inName = nameFault(kind, name);
  if (inName !== '') return { path: ['metadata', 'name'], message: `${kind} name ${inName}` };
  const inNamespace = namespace === '' ? '' : nameFault('Namespace', namespace);
  if (inNamespace !== '')
    return { path: ['metadata', 'namespace'], message: `${label(kind, '', name)}: namespace ${inNamespace}` };
  return null;
};

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Endpoints and slices may carry dots; a Service's or Namespace's name is one DNS label. */
const nameFault = (kind: ManifestKind, name: string): string => {
  const isLabel = kind === 'Service' || kind === 'Namespace';
  if ((isLabel ? DNS_LABEL : DNS_SUBDOMAIN).test(name)) return '';
  const mend = / \/\//.test(name)
    ? 'a comment begins with #, not with //'
    : `use ${isLabel ? 'at most 63 ' : ''}lower case letters, digits and '-'${isLabel ? '' : " and '.'"}, a letter or digit first and last`;
  return `"${name}" is not a DNS name, so it is left out: ${mend}`;
};
