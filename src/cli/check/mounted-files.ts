import { posix } from 'node:path';
import { asList, asObject, asText, type RawObject } from '#kube/objects/json.ts';
import type { ConfigMap, PodTemplate } from './cluster-objects.ts';
import type { ConfigMapText } from './given-text.ts';

/** The files of a Pod as far as the ConfigMaps that were given make them. */
export interface MountedFiles {
  readonly files: ReadonlyMap<string, ConfigMapText>;
  /** Directories whose files are all known; what is looked for elsewhere may be there or not. */
  readonly directories: readonly string[];
  /** Of the container that has them. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** Whether ConfigMaps for additions (`coredns-custom`) are among them. */
  readonly hasCustom: boolean;
}

const HOME = '/etc/coredns';
/** Where k3s, AKS, Gardener and others mount the ConfigMap for additions. */
const CUSTOM = `${HOME}/custom`;

/**
 * Where the keys of a ConfigMap are files: as a Pod template that mounts it says; else as CoreDNS is usually installed, with
 * `coredns-custom` beside it.
 */
export const mountedFiles = (
  configMap: ConfigMap,
  all: readonly ConfigMap[],
  templates: readonly PodTemplate[],
): MountedFiles => {
  const near = all.filter(({ namespace }) => namespace === configMap.namespace);
  for (const { namespace, spec } of templates) {
    if (namespace !== configMap.namespace) continue;
    for (const container of asList(spec.containers)) {
      const mounted = filesOfContainer(asObject(container), spec, near);
      if ([...mounted.files.values()].some((text) => text.configMap.name === configMap.name)) return mounted;
    }
  }
  return usualFiles(configMap, near);
};

const usualFiles = (configMap: ConfigMap, near: readonly ConfigMap[]): MountedFiles => {
  const files = new Map<string, ConfigMapText>();
  const custom = near.filter(({ name }) => name !== configMap.name && /custom/.test(name));
  for (const [key, text] of configMap.data) files.set(`${HOME}/${key}`, text);
  for (const { data } of custom) for (const [key, text] of data) files.set(`${CUSTOM}/${key}`, text);
  return { files, directories: [HOME], env: {}, args: [], hasCustom: custom.length > 0 };
};

const filesOfContainer = (container: RawObject, spec: RawObject, near: readonly ConfigMap[]): MountedFiles => {
  const volumes = new Map(asList(spec.volumes).map((volume) => [asText(asObject(volume).name), asObject(volume)]));
  const files = new Map<string, ConfigMapText>();
  const directories: string[] = [];
  let count = 0;
  for (const mount of asList(container.volumeMounts).map(asObject)) {
    const parts = partsOf(volumes.get(asText(mount.name)) ?? {}, near);
    if (parts === null) continue;
    count += parts.mapped.size > 0 ? 1 : 0;
    const at = posix.normalize(asText(mount.mountPath));
    const subPath = asText(mount.subPath);
    if (parts.isWhole && subPath === '') directories.push(at);
    for (const [path, text] of parts.mapped)
      if (subPath === '') files.set(posix.join(at, path), text);
      else if (path === subPath) files.set(at, text);
  }
  return { files, directories, env: envOf(container), args: argsOf(container), hasCustom: count > 1 };
};

/** Files of a volume by their path in it; null where it is made of no ConfigMap. */
const partsOf = (
  volume: RawObject,
  near: readonly ConfigMap[],
): { readonly mapped: ReadonlyMap<string, ConfigMapText>; readonly isWhole: boolean } | null => {
  const projected = asList(asObject(volume.projected).sources).map((source) => asObject(asObject(source).configMap));
  const sources = volume.configMap === undefined ? projected : [asObject(volume.configMap)];
  if (sources.length === 0) return null;
  const mapped = new Map<string, ConfigMapText>();
  let isWhole = true;
  for (const source of sources) {
    const found = near.find(({ name }) => name === source.name);
    isWhole &&= found !== undefined;
    const items = asList(source.items).map(asObject);
    for (const [key, text] of found?.data ?? []) {
      const item = items.find((one) => one.key === key);
      if (items.length === 0 || item !== undefined) mapped.set(asText(item?.path) || key, text);
    }
  }
  return { mapped, isWhole };
};

/** Variables with a value; those that come from elsewhere are not known. */
const envOf = (container: RawObject): Record<string, string> =>
  Object.fromEntries(
    asList(container.env)
      .map(asObject)
      .filter(({ value }) => typeof value === 'string')
      .map(({ name, value }) => [asText(name), asText(value)]),
  );

const argsOf = (container: RawObject): string[] =>
  [...asList(container.command), ...asList(container.args)].map(asText);
