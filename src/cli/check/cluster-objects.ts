import type { ManifestDocument, WrittenScalar } from '#kube/manifests/parse-yaml.ts';
import { asObject, asText, type RawObject } from '#kube/objects/json.ts';
import { ConfigMapText, configMapName, type SourceFile } from './given-text.ts';

/** A ConfigMap that was given. */
export interface ConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly data: ReadonlyMap<string, ConfigMapText>;
}

/** What a workload says of its Pods. */
export interface PodTemplate {
  readonly namespace: string;
  readonly spec: RawObject;
}

/** Something that a ConfigMap can't be checked for, by its place. */
export interface ObjectFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** The objects of a file that have to do with Corefiles. */
export interface ClusterObjects {
  readonly configMaps: readonly ConfigMap[];
  readonly podTemplates: readonly PodTemplate[];
  /** Kinds and names of all objects, for the message where no Corefile is among them. */
  readonly found: readonly string[];
  readonly faults: readonly ObjectFault[];
}

type Path = readonly (string | number)[];

/** Keys under which a Corefile stands: `Corefile`, `Corefile.base`, `my-Corefile`. */
export const isCorefileKey = (key: string): boolean => /(^|[._-])corefile(\.(base|tmpl|template))?$/i.test(key);

/** Takes ConfigMaps and Pod templates out of YAML documents, Lists included. */
export const readClusterObjects = (file: SourceFile, documents: readonly ManifestDocument[]): ClusterObjects => {
  const objects = { configMaps: [], podTemplates: [], found: [], faults: [] };
  const reader = new ObjectReader(file, objects);
  for (const document of documents) reader.read(document, document.value, []);
  return objects;
};

interface Mutable {
  readonly configMaps: ConfigMap[];
  readonly podTemplates: PodTemplate[];
  readonly found: string[];
  readonly faults: ObjectFault[];
}

class ObjectReader {
  readonly #file: SourceFile;
  readonly #objects: Mutable;

  constructor(file: SourceFile, objects: Mutable) {
    this.#file = file;
    this.#objects = objects;
  }

  read(document: ManifestDocument, value: unknown, path: Path): void {
    const object = asObject(value);
    const kind = asText(object.kind);
    if (Array.isArray(object.items)) {
      object.items.forEach((item, index) => {
        this.read(document, item, [...path, 'items', index]);
      });
      return;
    }
    const { name, namespace } = asObject(object.metadata);
    const place = { namespace: asText(namespace), name: asText(name) };
    // An item of a ConfigMapList need not say its kind.
    if (kind === 'ConfigMap' || (kind === '' && object.data !== undefined))
      this.#configMap(document, object, path, place);
    else if (kind !== '') this.#objects.found.push(`${kind} ${place.name}`);
    const spec = kind === 'Pod' ? object.spec : templateSpec(object);
    if (spec !== undefined) this.#objects.podTemplates.push({ namespace: place.namespace, spec: asObject(spec) });
  }

  #configMap(
    document: ManifestDocument,
    object: RawObject,
    path: Path,
    place: { readonly namespace: string; readonly name: string },
  ): void {
    const data = new Map<string, ConfigMapText>();
    for (const [key, text] of Object.entries(asObject(object.data))) {
      const at = [...path, 'data', key];
      if (typeof text !== 'string') {
        if (isCorefileKey(key))
          this.#fault(document, at, `${key} of ${configMapName(place)} is ${shown(text)}, not a text`);
        continue;
      }
      // Most keys are never looked at, and finding a place reads the document again.
      const written = lazily(() => document.scalar(at));
      data.set(key, new ConfigMapText(this.#file, { ...place, key }, text, written));
    }
    for (const key of Object.keys(asObject(object.binaryData)))
      if (isCorefileKey(key)) {
        const message = `${key} of ${configMapName(place)} is in binaryData: it is not UTF-8, so write it anew as a text under data`;
        this.#fault(document, [...path, 'binaryData', key], message);
      }
    this.#objects.configMaps.push({ ...place, data });
    this.#objects.found.push(`${configMapName(place)} (keys: ${[...data.keys()].join(', ') || 'none'})`);
  }

  #fault(document: ManifestDocument, path: Path, message: string): void {
    const { line, column } = document.at(path);
    this.#objects.faults.push({ line, column, message });
  }
}

const templateSpec = (object: RawObject): unknown => {
  const template = asObject(asObject(object.spec).template);
  return template.spec;
};

const shown = (value: unknown): string =>
  value === null ? 'empty' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;

const lazily = (find: () => WrittenScalar | null): (() => WrittenScalar | null) => {
  let found: WrittenScalar | null | undefined;
  return () => {
    if (found === undefined) found = find();
    return found;
  };
};
