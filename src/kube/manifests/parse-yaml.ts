import { CORE_SCHEMA, constructFromEvents, type Event, mergeTag, parseEvents, YAMLException } from 'js-yaml';
import type { ManifestFault, Position } from './fault.ts';
import { locate, type Path } from './locate.ts';

/** One YAML document, and how to find a field of it again. */
export interface ManifestDocument {
  readonly value: unknown;
  /** Where the field at `path` stands, or the nearest thing around it. Reads the text again: for faults only. */
  at(path: Path): Position;
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
  const whole: Part = { text, lineOffset: 0 };
  const parsed = parsePart(file, whole);
  if (!('position' in parsed)) return { documents: parsed, faults: [] };
  const parts = splitDocuments(text);
  const documents: ManifestDocument[] = [];
  const faults: ManifestFault[] = [];
  for (const part of parts) {
    const result = parsePart(file, part);
    if ('position' in result) faults.push(result);
    else documents.push(...result);
  }
  // A fault that only the whole shows, such as directives without a document.
  if (faults.length === 0) faults.push(parsed);
  return { documents, faults };
};

interface Part {
  readonly text: string;
  /** Lines of the file before this part. */
  readonly lineOffset: number;
}

/** `---` in the first column begins a document wherever it stands, even inside a block scalar (YAML 1.2.2, section 9.1.2). */
const splitDocuments = (text: string): Part[] => {
  const parts: Part[] = [];
  let lines: string[] = [];
  let lineOffset = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^---(\s|$)/.test(line)) {
      parts.push({ text: lines.join('\n'), lineOffset });
      lines = [];
      lineOffset = index;
    }
    lines.push(line);
  }
  parts.push({ text: lines.join('\n'), lineOffset });
  return parts;
};

const parsePart = (file: string, part: Part): ManifestDocument[] | ManifestFault => {
  try {
    const events = parseEvents(part.text, { maxDepth: MAX_DEPTH });
    const values = constructFromEvents(events, { source: part.text, schema: SCHEMA, maxAliases: MAX_ALIASES });
    return values.map((value, index) => ({ value, at: (path) => positionOf(file, part, index, path) }));
  } catch (error) {
    return syntaxFault(file, part, error);
  }
};

/** The events are not kept: they weigh more than the text, and few files have faults. */
const positionOf = (file: string, part: Part, index: number, path: Path): Position => {
  const events: Event[] = parseEvents(part.text, { maxDepth: MAX_DEPTH });
  return positionAt(file, part, locate(part.text, events, index, path));
};

const positionAt = (file: string, part: Part, offset: number): Position => {
  const before = part.text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  const line = before.split('\n').length;
  return { file, line: part.lineOffset + line, column: offset - lineStart + 1 };
};

const syntaxFault = (file: string, part: Part, error: unknown): ManifestFault => {
  const mark = error instanceof YAMLException ? error.mark : undefined;
  const reason = error instanceof YAMLException ? error.reason : String(error);
  const line = mark?.line ?? 0;
  const lines = part.text.split('\n');
  const mend = mendOf(lines, line);
  const at = mend?.line ?? Math.min(line, lines.length - 1);
  const column = mend?.column ?? mark?.column ?? 0;
  return {
    position: { file, line: part.lineOffset + at + 1, column: column + 1 },
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
