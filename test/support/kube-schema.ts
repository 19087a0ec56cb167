import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { lacks, outcome } from './command.ts';
import type { Manifest } from './helm.ts';

/** A part of OpenAPI v3, as far as Kubernetes and its CustomResourceDefinitions use it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-group-version-kind'?: readonly { group: string; version: string; kind: string }[];
}

/** What checks objects by the schemas of one version of Kubernetes. */
export interface KubeSchemas {
  /** What is wrong with an object, each with its place; empty where nothing is. */
  faults(manifest: Manifest): readonly string[];
}

const KUBERNETES = 'k8s.io/kubernetes';
/** Its module has the CustomResourceDefinitions of ServiceMonitor, PodMonitor and PrometheusRule. */
const OPERATOR = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';

/**
 * The schemas that a Kubernetes of this version publishes, and those of the Prometheus operator: they are files in Go modules, which the
 * ordinary Go client brings. Unknown fields are refused, as by `kubectl apply --validate=strict`.
 */
export const kubeSchemas = async (version: string): Promise<KubeSchemas | { readonly skip: string }> => {
  if ((await lacks('go')) !== '') return { skip: 'go is not installed' };
  const folders = await Promise.all([`${KUBERNETES}@${version}`, OPERATOR].map(moduleFolder));
  const failed = folders.find((folder) => typeof folder !== 'string');
  if (failed !== undefined) return failed as { skip: string };
  const [kubernetes = '', operator = ''] = folders as string[];
  const kinds = await operatorKinds(join(operator, 'example/prometheus-operator-crd'));
  const openapi = join(kubernetes, 'api/openapi-spec/v3');
  for (const file of await readdir(openapi)) {
    const group = /^apis?__.*v\d+_openapi\.json$/.test(file) ? await readFile(join(openapi, file), 'utf8') : '{}';
    const { components } = JSON.parse(group) as { components?: { schemas: Record<string, Schema> } };
    for (const schema of Object.values(components?.schemas ?? {}))
      for (const { group: name, version: one, kind } of schema['x-kubernetes-group-version-kind'] ?? [])
        kinds.set(`${name === '' ? '' : `${name}/`}${one} ${kind}`, { schema, all: components?.schemas ?? {} });
  }
  return {
    faults: (manifest) => {
      const kind = kinds.get(`${manifest.apiVersion} ${manifest.kind}`);
      if (kind === undefined) return [`${manifest.apiVersion} ${manifest.kind} is not known to ${version}`];
      return check(manifest, kind.schema, manifest.kind, kind.all);
    },
  };
};

interface Kind {
  readonly schema: Schema;
  readonly all: Readonly<Record<string, Schema>>;
}

const moduleFolder = async (module: string): Promise<string | { readonly skip: string }> => {
  // Outside of any module, so that no go.mod is looked for.
  const { code, stdout, stderr } = await outcome('go', ['mod', 'download', '-json', module], {
    cwd: tmpdir(),
    timeoutMs: 120_000,
  });
  if (code !== 0) return { skip: `${module} can't be had: ${(stdout + stderr).trim().split('\n').at(-1)}` };
  return (JSON.parse(stdout) as { Dir: string }).Dir;
};

const operatorKinds = async (folder: string): Promise<Map<string, Kind>> => {
  const kinds = new Map<string, Kind>();
  for (const file of ['servicemonitors', 'podmonitors', 'prometheusrules']) {
    const { spec } = load(await readFile(join(folder, `monitoring.coreos.com_${file}.yaml`), 'utf8')) as {
      spec: {
        group: string;
        names: { kind: string };
        versions: readonly { name: string; schema: { openAPIV3Schema: Schema } }[];
      };
    };
    for (const { name, schema } of spec.versions)
      kinds.set(`${spec.group}/${name} ${spec.names.kind}`, { schema: schema.openAPIV3Schema, all: {} });
  }
  return kinds;
};

const check = (value: unknown, schema: Schema, place: string, all: Kind['all']): readonly string[] => {
  const own = (inner: Schema): readonly string[] => check(value, inner, place, all);
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    if (name.endsWith('.Quantity'))
      return isQuantity(value) ? [] : [`${place}: ${JSON.stringify(value)} is no quantity`];
    return own(all[name] ?? {});
  }
  if (schema['x-kubernetes-int-or-string'] === true || schema.format === 'int-or-string')
    return Number.isInteger(value) || typeof value === 'string' ? [] : [`${place}: neither a number nor a string`];
  if (value === null) return [`${place}: null`];
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined && schema.type === undefined && !choice.some((one) => own(one).length === 0))
    return [`${place}: ${JSON.stringify(value)} is none of what is allowed`];
  return [...(schema.allOf ?? []).flatMap(own), ...checkType(value, schema, place, all)];
};

const checkType = (value: unknown, schema: Schema, place: string, all: Kind['all']): readonly string[] => {
  const isOfType =
    schema.type === undefined ||
    (schema.type === 'array' && Array.isArray(value)) ||
    (schema.type === 'object' && typeof value === 'object' && !Array.isArray(value)) ||
    (schema.type === 'integer' && Number.isInteger(value)) ||
    typeof value === schema.type;
  if (!isOfType) return [`${place}: ${JSON.stringify(value)} should be of type ${schema.type}`];
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return [`${place}: ${JSON.stringify(value)} is none of ${schema.enum.join(', ')}`];
  if (typeof value === 'string') return checkString(value, schema, place);
  if (typeof value === 'number') return checkNumber(value, schema, place);
  if (Array.isArray(value)) return checkList(value, schema, place, all);
  if (typeof value === 'object') return checkObject(value as Record<string, unknown>, schema, place, all);
  return [];
};

const checkString = (value: string, schema: Schema, place: string): readonly string[] => {
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
    return [`${place}: "${value}" does not match ${schema.pattern}`];
  const isTooShort = value.length < (schema.minLength ?? 0);
  return isTooShort || value.length > (schema.maxLength ?? Infinity) ? [`${place}: "${value}" has a wrong length`] : [];
};

const checkNumber = (value: number, schema: Schema, place: string): readonly string[] =>
  value < (schema.minimum ?? -Infinity) || value > (schema.maximum ?? Infinity)
    ? [`${place}: ${value} is out of range`]
    : [];

const checkList = (value: readonly unknown[], schema: Schema, place: string, all: Kind['all']): readonly string[] => {
  const few = value.length < (schema.minItems ?? 0) ? [`${place}: fewer than ${schema.minItems}`] : [];
  // What `kubectl apply` takes for the same item: of two, one would be lost.
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const names = value.map((item) => JSON.stringify(keys.map((key) => (item as Record<string, unknown>)[key] ?? null)));
  const twice = keys.length > 0 ? names.filter((name, index) => names.indexOf(name) !== index) : [];
  return [
    ...few,
    ...twice.map((name) => `${place}: two items with ${keys.join(', ')} ${name}`),
    ...value.flatMap((item, index) => check(item, schema.items ?? {}, `${place}[${index}]`, all)),
  ];
};

const checkObject = (
  value: Readonly<Record<string, unknown>>,
  schema: Schema,
  place: string,
  all: Kind['all'],
): readonly string[] => {
  const { properties = {}, additionalProperties, required = [] } = schema;
  const isOpen =
    additionalProperties === true ||
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    (schema.properties === undefined && additionalProperties === undefined);
  const faults = required.filter((key) => !(key in value)).map((key) => `${place}.${key}: missing`);
  for (const [key, inner] of Object.entries(value)) {
    const known = properties[key] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (known !== undefined) faults.push(...check(inner, known, `${place}.${key}`, all));
    else if (!isOpen) faults.push(`${place}.${key}: unknown field`);
  }
  return faults;
};

const isQuantity = (value: unknown): boolean =>
  typeof value === 'number' ||
  (typeof value === 'string' && /^[+-]?\d+(\.\d+)?([KMGTPE]i|[mkMGTPE]|[eE][+-]?\d+)?$/.test(value));
