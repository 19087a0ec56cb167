/** A part of a text, from `start` up to `end`, and what stands in its place. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Line and column as Corefile faults have them: both from 1, columns in characters. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A text after some edits, which knows where each of its characters comes from. */
export class EditedText {
  readonly source: string;
  readonly text: string;
  /** In order, none within another. */
  readonly #edits: readonly Edit[];

  /** An edit that overlaps an earlier one is left out. */
  constructor(source: string, edits: readonly Edit[]) {
    this.source = source;
    const inOrder: Edit[] = [];
    for (const edit of edits.toSorted((a, b) => a.start - b.start || b.end - a.end))
      if (edit.start >= (inOrder.at(-1)?.end ?? 0)) inOrder.push(edit);
    this.#edits = inOrder;
    let text = '';
    let at = 0;
    for (const edit of inOrder) {
      text += source.slice(at, edit.start) + edit.text;
      at = edit.end;
    }
    this.text = text + source.slice(at);
  }

  /** Where the character at this place of the text stands in the source; for one that an edit has put in, where the edit begins. */
  sourcePlace(place: Place): Place {
    const offset = offsetAt(this.text, place);
    let shift = 0;
    for (const { start, end, text } of this.#edits) {
      if (offset < start + shift) break;
      if (offset < start + shift + text.length) return placeAt(this.source, start);
      shift += text.length - (end - start);
    }
    return placeAt(this.source, offset - shift);
  }
}

/** A byte order mark is no character of its line. */
const firstOffset = (text: string): number => (text.charCodeAt(0) === 0xfeff ? 1 : 0);

/** Offset of a place; the end of the text where it is behind that. */
export const offsetAt = (text: string, { line, column }: Place): number => {
  let offset = firstOffset(text);
  for (let i = 1; i < line; i++) {
    const end = text.indexOf('\n', offset);
    if (end < 0) return text.length;
    offset = end + 1;
  }
  for (let i = 1; i < column && offset < text.length; i++)
    offset += (text.codePointAt(offset) as number) > 0xffff ? 2 : 1;
  return offset;
};

export const placeAt = (text: string, offset: number): Place => {
  const before = text.slice(firstOffset(text), offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: [...before.slice(lineStart)].length + 1 };
};
