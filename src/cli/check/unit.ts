import { posix } from 'node:path';
import { type Environment, globMatcher } from '#corefile/environment.ts';
import { type ClusterObjects, type ConfigMap, isCorefileKey } from './cluster-objects.ts';
import { type ConfigMapText, type GivenText, plainText } from './given-text.ts';
import { type MountedFiles, mountedFiles } from './mounted-files.ts';

/** One Corefile to check, with what it sees of the world. */
export interface Unit {
  readonly corefile: GivenText;
  /** Path that its words carry. */
  readonly path: string;
  /** Where imports and variables come from; null where that is this machine. */
  readonly pod: MountedFiles | null;
}

/** A Corefile that lies on this machine. */
export const unitOfFile = (file: string, text: string): Unit => ({
  corefile: plainText(file, text),
  path: file,
  pod: null,
});

/** Every Corefile in ConfigMaps, in their order. */
export const unitsOf = ({ configMaps, podTemplates }: ClusterObjects): Unit[] =>
  configMaps.flatMap((configMap) =>
    [...configMap.data]
      .filter(([key]) => isCorefileKey(key))
      .map(([, corefile]) => unitOf(corefile, configMap, configMaps, podTemplates)),
  );

const unitOf = (
  corefile: ConfigMapText,
  configMap: ConfigMap,
  configMaps: readonly ConfigMap[],
  podTemplates: ClusterObjects['podTemplates'],
): Unit => {
  const pod = mountedFiles(configMap, configMaps, podTemplates);
  const [path] = [...pod.files].find(([, text]) => text === corefile) ?? [`/etc/coredns/${corefile.configMap.key}`];
  return { corefile, path, pod };
};

/** The world of a Pod: files of its ConfigMaps, and variables of its own and of this process. */
export const podEnvironment = ({ files, env }: MountedFiles): Environment => ({
  env: { ...process.env, ...env },
  readFile: (path) => {
    const text = files.get(path);
    if (text === undefined)
      throw Object.assign(new Error(`open ${path}: no such file or directory`), { code: 'ENOENT' });
    return text.text;
  },
  glob: (pattern) => {
    const matcher = globMatcher(pattern);
    return [...files.keys()].filter((path) => matcher.test(path)).sort();
  },
});

/** Whether a Pod's file would be known if it were there. */
export const isKnownPlace = ({ directories }: MountedFiles, path: string): boolean =>
  directories.includes(posix.dirname(path));
