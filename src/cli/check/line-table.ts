/** Line and column, both from 1; columns count characters. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Places in a text by its table of lines: a text of a megabyte may have thousands of faults. A byte order mark is no character. */
export class LineTable {
  readonly text: string;
  readonly #starts: number[];

  constructor(text: string) {
    this.text = text;
    this.#starts = [text.charCodeAt(0) === 0xfeff ? 1 : 0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  placeAt(offset: number): Place {
    let low = 0;
    for (let high = this.#starts.length - 1; low < high; ) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: [...this.text.slice(this.#starts[low], offset)].length + 1 };
  }

  /** The end of the text for a place behind it. */
  offsetOf({ line, column }: Place): number {
    let offset = this.#starts[line - 1] ?? this.text.length;
    for (let i = 1; i < column && offset < this.text.length; i++)
      offset += (this.text.codePointAt(offset) as number) > 0xffff ? 2 : 1;
    return offset;
  }
}
