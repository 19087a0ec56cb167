import { readFile } from 'node:fs/promises';
import type { NodeCacheSettings } from '../settings.ts';
import { type KubeDnsFiles, readKubeDnsFiles } from './kube-dns-config.ts';

/** All that a Corefile is made from, as it was at one time: texts, or why there is none. */
export interface ConfigInputs {
  readonly template: string | Error;
  readonly kubeDns: KubeDnsFiles;
  /** Files that the last Corefile imported. */
  readonly imported: ReadonlyMap<string, string | Error>;
}

/** Reads them all. Never rejects. */
export const readConfigInputs = async (
  { baseCorefile, kubeDnsDirectory }: Pick<NodeCacheSettings, 'baseCorefile' | 'kubeDnsDirectory'>,
  importedFiles: Iterable<string>,
): Promise<ConfigInputs> => {
  const files = [...importedFiles];
  const [template, kubeDns, ...texts] = await Promise.all([
    textOf(baseCorefile),
    readKubeDnsFiles(kubeDnsDirectory),
    ...files.map(textOf),
  ]);
  return { template, kubeDns, imported: new Map(files.map((file, i) => [file, texts[i] as string | Error])) };
};

const textOf = (file: string): Promise<string | Error> =>
  readFile(file, 'utf8').catch((error: unknown) => error as Error);

/** Equal for inputs that say the same. */
export const signatureOf = ({ template, kubeDns, imported }: ConfigInputs): string =>
  JSON.stringify([template, [...kubeDns], [...imported]], (_, value: unknown) =>
    value instanceof Error ? { error: value.message } : value,
  );
