import { CORE_SCHEMA, constructFromEvents, type Event, mergeTag, parseEvents, YAMLException } from 'js-yaml';
import type { ManifestFault, Position } from './fault.ts';
import { locate, locateScalar, type Path } from './locate.ts';

/** One YAML document, and how to find a field of it again. */
export interface ManifestDocument {
  readonly value: unknown;
  /** Where the field at `path` stands, or the nearest thing around it. Reads the text again: for faults only. */
  at(path: Path): Position;
  /** How the text at `path` is written; null where there is none. Reads the text again, too. */
  scalar(path: Path): WrittenScalar | null;
}

/** A text as a file has it. */
export interface WrittenScalar {
  readonly style: 'plain' | 'single' | 'double' | 'literal' | 'folded';
  /** Offsets in the whole file, without quotes; of a block, those of its lines. */
  readonly start: number;
  readonly end: number;
  /** Columns in front of each line of a block. */
  readonly indent: number;
}

/** What a file's text holds. */
export interface ParsedText {
  readonly documents: readonly ManifestDocument[];
  /** Every part that is no YAML; the others are in `documents` all the same. */
  readonly faults: readonly ManifestFault[];
}

/** kubectl knows `<<`, and YAML 1.2 without it does not. */
const SCHEMA = CORE_SCHEMA.withTags(mergeTag);
const MAX_DEPTH = 64;
const MAX_ALIASES = 1000;

/** Reads YAML (and so JSON) of several documents. */
export const parseYaml = (file: string, text: string): ParsedText => {
  const documents: ManifestDocument[] = [];
  const faults: ManifestFault[] = [];
  for (const part of splitDocuments(file, text)) {
    const result = parsePart(part);
    if ('position' in result) faults.push(result);
    else for (const document of result) documents.push(document);
  }
  return { documents, faults };
};

/** A stretch of a file that is parsed by itself. */
interface Part {
  readonly file: string;
  readonly text: string;
  /** The whole file's text before this part. */
  readonly before: string;
}

/**
 * `---` in the first column begins a document wherever it stands, even inside a block scalar (YAML 1.2.2, section 9.1.2). Each is parsed
 * by itself: one that is no YAML does not spoil the others, and a large file's events are never all in memory. Directives and `...` belong
 * to what is beyond a `---`, so a file that has them is one part.
 */
const splitDocuments = (file: string, text: string): Part[] => {
  const starts = /^(%|\.\.\.)/m.test(text) ? [] : [...text.matchAll(/^---(?=\s|$)/gm)].map(({ index }) => index);
  return [0, ...starts.filter((start) => start > 0)].map((start, index, all) => ({
    file,
    text: text.slice(start, all[index + 1]),
    before: text.slice(0, start),
  }));
};

const parsePart = (part: Part): ManifestDocument[] | ManifestFault => {
  try {
    const events = parseEvents(part.text, { maxDepth: MAX_DEPTH });
    const values = constructFromEvents(events, { source: part.text, schema: SCHEMA, maxAliases: MAX_ALIASES });
    return values.map((value, index) => ({
      value,
      at: (path) => positionOf(part, index, path),
      scalar: (path) => scalarOf(part, index, path),
    }));
  } catch (error) {
    return syntaxFault(part, error);
  }
};

/** The events are not kept: they weigh more than the text, and few files have faults. */
const positionOf = (part: Part, index: number, path: Path): Position => {
  const events: Event[] = parseEvents(part.text, { maxDepth: MAX_DEPTH });
  const offset = locate(part.text, events, index, path);
  const before = part.text.slice(0, offset);
  // A block scalar with nothing in it stands behind the end: then its head is the place.
  const inPart = part.text.slice(offset).trim() === '' ? before.trimEnd() : before;
  const lineStart = inPart.lastIndexOf('\n') + 1;
  return { file: part.file, line: lineOf(part, inPart), column: inPart.length - lineStart + 1 };
};

const STYLES = ['plain', 'single', 'double', 'literal', 'folded'] as const;

const scalarOf = (part: Part, index: number, path: Path): WrittenScalar | null => {
  const event = locateScalar(part.text, parseEvents(part.text, { maxDepth: MAX_DEPTH }), index, path);
  const style = event === null ? undefined : STYLES[event.style - 1];
  if (event === null || style === undefined) return null;
  const [start, end] = [event.valueStart, event.valueEnd].map((offset) => offset + part.before.length);
  return { style, start: start as number, end: end as number, indent: Math.max(0, event.indent) };
};

/** Which line of the file comes after so much of a part. */
const lineOf = (part: Part, inPart: string): number => part.before.split('\n').length + inPart.split('\n').length - 1;

const syntaxFault = (part: Part, error: unknown): ManifestFault => {
  const mark = error instanceof YAMLException ? error.mark : undefined;
  const reason = error instanceof YAMLException ? error.reason : String(error);
  const line = mark?.line ?? 0;
  // What is missing at the end is missing on the last line that has something.
  const lines = part.text.trimEnd().split('\n');
  const end = { line: lines.length - 1, column: lines.at(-1)?.length ?? 0 };
  const mend = mendOf(lines, line);
  const { line: at, column } = mend ?? (line > end.line ? end : { line, column: mark?.column ?? 0 });
  return {
    position: { file: part.file, line: lineOf(part, '') + at, column: column + 1 },
    message: `not YAML: ${mend?.text ?? reason}${quote(lines[at])}`,
  };
};

interface Mend {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** The usual things that are in a manifest and not in YAML. */
const mendOf = (lines: readonly string[], line: number): Mend | null => {
  const comment = lastLineMatching(lines, line, /(^|\s)\/\/(\s|$)/);
  if (comment !== null) return { ...comment, text: 'a comment begins with #, not with //: change it to #' };
  const blockComment = lastLineMatching(lines, line, /^\s*\/\*/);
  if (blockComment !== null) return { ...blockComment, text: 'a comment begins with #, not with /*: change it to #' };
  const template = lastLineMatching(lines, lines.length - 1, /\{\{/);
  if (template !== null) return { ...template, text: 'this is a template: render it first (helm template)' };
  const tab = lastLineMatching(lines, line, /^ *\t/);
  if (tab !== null && tab.line === line) return { ...tab, text: 'a tab indents this line: use spaces' };
  return null;
};

const lastLineMatching = (lines: readonly string[], from: number, pattern: RegExp): Omit<Mend, 'text'> | null => {
  for (let line = Math.min(from, lines.length - 1); line >= 0; line--) {
    const match = pattern.exec(lines[line] ?? '');
    if (match !== null) return { line, column: match.index + match[0].search(/[/{\t]/) };
  }
  return null;
};

const quote = (line: string | undefined): string => {
  const text = (line ?? '').trim();
  return text === '' ? '' : `, in: ${text.length > 80 ? `${text.slice(0, 80)}...` : text}`;
};
