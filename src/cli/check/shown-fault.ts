import { faultText } from '#corefile/diagnostics.ts';
import type { Fault, ImportTrail, Token } from '#corefile/tree.ts';
import type { Checked } from './checked.ts';
import type { ConfigMapKey, GivenText } from './given-text.ts';

/** Where a fault is told to stand: a place of the file that was given, and of the ConfigMap's text where it is in one. */
export interface FaultPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly within: (ConfigMapKey & { readonly line: number; readonly column: number }) | null;
}

/** Places of faults in what was given. */
export class FaultPlaces {
  readonly #checked: Checked;

  constructor(checked: Checked) {
    this.#checked = checked;
  }

  /** What was checked, as people know it. */
  get name(): string {
    const { corefile } = this.#checked.unit;
    return corefile.configMap === null
      ? corefile.name
      : `${corefile.origin({ line: 1, column: 1 }).file}: ${corefile.name}`;
  }

  placeOf({ file, line, column }: Pick<Token, 'file' | 'line' | 'column'>): FaultPlace {
    const given = this.#given(file);
    if (given === null) return { file, line, column, within: null };
    const origin = given.origin({ line, column });
    const within = given.configMap === null ? null : { ...given.configMap, line, column };
    return { file: origin.file, ...origin.place, within };
  }

  /** The fault as `check` prints it; one that is no reason to fail says so. */
  textOf(fault: Fault, isWarning = false): string {
    const sources = new Map(this.#checked.sources);
    const { token, plugin, ...rest } = fault;
    const of = plugin === undefined ? '' : `plugin/${plugin}: `;
    const shown: Fault = {
      ...rest,
      message: `${isWarning ? 'warning: ' : ''}${of}${this.#reworded(fault.message)}`,
      token: token === null ? null : this.#moved(token, sources),
      ...(fault.hint === undefined ? {} : { hint: this.#reworded(fault.hint) }),
    };
    const text = faultText(shown, sources);
    const given = token === null ? null : this.#given(token.file);
    const note = given?.configMap && given.isLineByLine ? `\n  in ${given.name}, line ${token?.line}` : '';
    return `${text}${note}\n`;
  }

  #given(file: string): GivenText | null {
    const { unit } = this.#checked;
    if (file === unit.path) return unit.corefile;
    return unit.pod?.files.get(file) ?? null;
  }

  #moved<T extends Token | ImportTrail>(place: T, sources: Map<string, string>): T {
    const given = this.#given(place.file);
    const via = place.via === null ? null : this.#moved(place.via, sources);
    if (given?.configMap == null) return { ...place, via };
    const { file, place: at, text } = given.origin(place);
    if (given.isLineByLine) {
      sources.set(file, text);
      return { ...place, ...at, file, via };
    }
    // Several of its lines may be one line of the file: both places are told, and the frame shows its own line.
    const name = `${file}:${at.line}:${at.column}: ${given.name}`;
    sources.set(name, given.text);
    return { ...place, file: name, via };
  }

  /** Places within a message: `first defined at FILE:LINE:COLUMN`. */
  #reworded(text: string): string {
    return text.replace(/(\S+):(\d+):(\d+)/g, (whole, file: string, line: string, column: string) => {
      if (this.#given(file)?.configMap == null) return whole;
      const place = this.placeOf({ file, line: Number(line), column: Number(column) });
      return `${place.file}:${place.line}:${place.column}`;
    });
  }
}
