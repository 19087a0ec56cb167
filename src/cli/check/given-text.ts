import type { WrittenScalar } from '#kube/manifests/parse-yaml.ts';
import { LineTable, type Place } from './line-table.ts';
import { scalarOffsets } from './scalar-offsets.ts';

/** A text that was given to be checked, and where its words are told to stand. */
export interface GivenText {
  readonly text: string;
  /** What it is, as people know it: a file's path, or `ConfigMap kube-system/coredns, key Corefile`. */
  readonly name: string;
  /** Where a place of the text stands in the file that was given; the beginning of the text where that can't be said. */
  origin(place: Place): { readonly file: string; readonly place: Place; readonly text: string };
  /** Whether each of its lines is a line of that file. */
  readonly isLineByLine: boolean;
  readonly configMap: ConfigMapKey | null;
}

export interface ConfigMapKey {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** A Corefile that is a file by itself. */
export const plainText = (file: string, text: string): GivenText => ({
  text,
  name: file,
  origin: (place) => ({ file, place, text }),
  isLineByLine: true,
  configMap: null,
});

/** What stands in a file must not write lines of its own, nor into the terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd');

export const configMapName = ({ namespace, name }: Pick<ConfigMapKey, 'namespace' | 'name'>): string =>
  printable(`ConfigMap ${namespace === '' ? '' : `${namespace}/`}${name}`);

/** A file that holds ConfigMaps. */
export interface SourceFile {
  readonly name: string;
  readonly lines: LineTable;
}

/** The text under a key of a ConfigMap. */
export class ConfigMapText implements GivenText {
  readonly text: string;
  readonly configMap: ConfigMapKey;
  readonly #file: SourceFile;
  readonly #written: () => WrittenScalar | null;
  #own: LineTable | null = null;
  #offsets: Uint32Array | null | undefined;

  constructor(file: SourceFile, configMap: ConfigMapKey, text: string, written: () => WrittenScalar | null) {
    this.text = text;
    this.configMap = configMap;
    this.#file = file;
    this.#written = written;
  }

  get name(): string {
    return `${configMapName(this.configMap)}, key ${printable(this.configMap.key)}`;
  }

  get isLineByLine(): boolean {
    return this.#written()?.style === 'literal';
  }

  origin(place: Place): { readonly file: string; readonly place: Place; readonly text: string } {
    const { name, lines } = this.#file;
    const written = this.#written();
    this.#own ??= new LineTable(this.text);
    if (this.#offsets === undefined)
      this.#offsets = written === null ? null : scalarOffsets(lines.text, written, this.text);
    const offset = this.#offsets?.[this.#own.offsetOf(place)] ?? written?.start ?? 0;
    return { file: name, place: lines.placeAt(offset), text: lines.text };
  }
}
