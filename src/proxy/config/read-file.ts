import { readFileSync } from 'node:fs';
import { formatFault, type Position } from '#kube/manifests/fault.ts';
import type { Path } from '#kube/manifests/locate.ts';
import { type ManifestDocument, parseYaml } from '#kube/manifests/parse-yaml.ts';
import { shown } from '#kube/manifests/shown.ts';
import { valueOfYaml } from './field-values.ts';
import { FIELDS, type Field } from './fields.ts';
import type { Given } from './read-flags.ts';

/** What a configuration file says. */
export interface ConfigurationFile {
  readonly fields: ReadonlyMap<string, Given>;
  /** `FILE:LINE:COLUMN: FIELD: what is wrong`. */
  readonly faults: readonly string[];
}

const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
const KIND = 'KubeProxyConfiguration';
const BY_PATH: ReadonlyMap<string, Field> = new Map(FIELDS.map((field) => [field.path, field]));
const SECTIONS: ReadonlySet<string> = new Set(
  FIELDS.flatMap(({ path }) => (path.includes('.') ? [path.slice(0, path.indexOf('.'))] : [])),
);

/** Reads a KubeProxyConfiguration (YAML or JSON). Every fault is told; what is right is given all the same. */
export const readConfigurationFile = (file: string): ConfigurationFile => {
  try {
    return readConfiguration(file, readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : (error as Error).message;
    return { fields: new Map(), faults: [`${file}: ${why}`] };
  }
};

/** Likewise, of a text. */
export const readConfiguration = (file: string, text: string): ConfigurationFile => {
  const parsed = parseYaml(file, text);
  const faults = parsed.faults.map(formatFault);
  const documents = parsed.documents.filter(({ value }) => value !== null && value !== undefined);
  const [document, second] = documents;
  if (document === undefined) {
    if (faults.length === 0) faults.push(`${file}: it is empty: write apiVersion: ${API_VERSION} and kind: ${KIND}`);
    return { fields: new Map(), faults };
  }
  if (second !== undefined) faults.push(`${placeOf(second.at([]))}: a second document: one file has one configuration`);
  const reader = new ConfigurationReader(document);
  reader.read();
  return { fields: reader.fields, faults: [...faults, ...reader.faults] };
};

const placeOf = ({ file, line, column }: Position): string => `${file}:${line}:${column}`;

class ConfigurationReader {
  readonly fields = new Map<string, Given>();
  readonly faults: string[] = [];
  readonly #document: ManifestDocument;

  constructor(document: ManifestDocument) {
    this.#document = document;
  }

  read(): void {
    const { value } = this.#document;
    if (!isMapping(value)) {
      this.#fault([], `must be a mapping, not ${shown(value)}`);
      return;
    }
    const { apiVersion, kind, ...rest } = value;
    if (apiVersion !== API_VERSION) this.#fault(['apiVersion'], `must be ${API_VERSION}, not ${shown(apiVersion)}`);
    if (kind !== KIND) this.#fault(['kind'], `must be ${KIND}, not ${shown(kind)}`);
    this.#mapping(rest, []);
  }

  #mapping(value: Readonly<Record<string, unknown>>, at: readonly string[]): void {
    for (const [name, raw] of Object.entries(value)) {
      const path = [...at, name];
      const field = BY_PATH.get(path.join('.'));
      if (field !== undefined) this.#field(field, raw, path);
      else if (at.length === 0 && SECTIONS.has(name)) this.#section(raw, path);
      else this.#fault(path, `there is no such field${nearby(path)}`);
    }
  }

  #section(raw: unknown, path: readonly string[]): void {
    if (isMapping(raw)) this.#mapping(raw, path);
    else if (raw !== null) this.#fault(path, `must be a mapping, not ${shown(raw)}`);
  }

  #field(field: Field, raw: unknown, path: readonly string[]): void {
    const read = valueOfYaml(field, raw);
    if ('fault' in read) this.#fault(path, read.fault);
    else this.fields.set(field.path, { value: read.value, where: () => this.#where(path) });
  }

  #fault(path: readonly string[], message: string): void {
    this.faults.push(`${this.#where(path)}: ${message}`);
  }

  #where(path: Path): string {
    const place = placeOf(this.#document.at(path));
    return path.length === 0 ? place : `${place}: ${path.join('.')}`;
  }
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field that differs in letter case only, or that is in another section. */
const nearby = (path: readonly string[]): string => {
  const wanted = path.join('.').toLowerCase();
  const name = path.at(-1)?.toLowerCase();
  const found =
    FIELDS.find((field) => field.path.toLowerCase() === wanted) ??
    FIELDS.find((field) => field.path.split('.').at(-1)?.toLowerCase() === name);
  return found === undefined ? '' : `: it is called ${found.path}`;
};
