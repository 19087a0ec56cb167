import { tokenize } from '#corefile/lexer.ts';
import type { Block, Fault, Occurrence, Token } from '#corefile/tree.ts';
import { PLUGINS } from '#plugins/index.ts';
import type { Checked } from './checked.ts';
import { DIFFERENCES, EXTERNAL, GONE, lackOf } from './compatibility-table.ts';
import { type GivenText, plainText } from './given-text.ts';
import { FaultPlaces } from './shown-fault.ts';

/** What becomes of a line of CoreDNS's here, the better before the worse. */
export const STATUSES = ['', 'ok', 'note', 'differs', 'missing', 'gone', 'wrong'] as const;
export type Status = (typeof STATUSES)[number];

export interface Note {
  readonly text: string;
  /** What to do. */
  readonly wayOut?: string;
  /** Where there is more of it. */
  readonly see?: string;
}

export interface LineReport {
  /** In the file that was given, where each line of the text is one of its lines; else in the text. */
  readonly line: number;
  readonly text: string;
  /** '' for a line without words. */
  readonly status: Status;
  readonly notes: readonly Note[];
  /** Directive or option that the line is missing for, for the summary. */
  readonly subject: string;
}

/** A Corefile, or a file that it imports, line by line. */
export interface TextReport {
  readonly name: string;
  /** Stands before a line's number where that alone does not say which file it is of. */
  readonly prefix: string;
  readonly lines: readonly LineReport[];
}

export interface Compatibility {
  readonly name: string;
  readonly isNodeCache: boolean;
  /** Whether the server starts with it as it is. */
  readonly fits: boolean;
  readonly texts: readonly TextReport[];
  /** What is wrong and has no place. */
  readonly faults: readonly Note[];
}

/** Holds a Corefile of CoreDNS's against what is built here, line by line. */
export const compatibilityOf = (checked: Checked): Compatibility => {
  const marks = new Marks();
  for (const block of checked.corefile.blocks) markBlock(block, checked, marks);
  const faults: Note[] = [];
  for (const fault of checked.faults) markFault(fault, marks, faults);
  for (const { message, hint, token } of checked.warnings)
    if (token !== null) marks.add(token, 'note', { text: message, ...(hint === undefined ? {} : { wayOut: hint }) });
  const places = new FaultPlaces(checked);
  return {
    name: places.name,
    isNodeCache: checked.isNodeCache,
    fits: checked.faults.length === 0,
    texts: textsOf(checked).map(({ path, given }, index) => {
      const isTold =
        index === 0 || (given.configMap !== null && given.isLineByLine && checked.unit.corefile.isLineByLine);
      return reportText(path, given, marks, isTold ? '' : `${given.configMap?.key ?? path}:`);
    }),
    faults,
  };
};

interface Mark {
  status: Status;
  subject: string;
  readonly notes: Note[];
}

const isBad = (status: Status): boolean => STATUSES.indexOf(status) >= STATUSES.indexOf('missing');

/** What is said of lines; the worst status wins, what does not work hides what differs, and the same is said once. */
class Marks {
  readonly #lines = new Map<string, Mark>();

  add({ file, line }: Pick<Token, 'file' | 'line'>, status: Status, note?: Note, subject = ''): void {
    const mark = this.#lines.get(`${file}\n${line}`) ?? { status: 'ok', subject: '', notes: [] };
    this.#lines.set(`${file}\n${line}`, mark);
    if (isBad(mark.status) && !isBad(status)) return;
    if (isBad(status) && !isBad(mark.status)) mark.notes.length = 0;
    if (STATUSES.indexOf(status) > STATUSES.indexOf(mark.status)) mark.status = status;
    mark.subject ||= subject;
    if (note !== undefined && !mark.notes.some(({ text }) => text === note.text)) mark.notes.push(note);
  }

  of(file: string, line: number): Mark | undefined {
    return this.#lines.get(`${file}\n${line}`);
  }
}

const waysOut = new Map(PLUGINS.flatMap((plugin) => ('unbuilt' in plugin ? [[plugin.name, plugin.unbuilt]] : [])));

const markBlock = (block: Block, { origin }: Checked, marks: Marks): void => {
  for (const { name, occurrences } of block.directives)
    for (const occurrence of occurrences) {
      const lack = lackOf(name, occurrence);
      const wayOut = lack?.wayOut ?? waysOut.get(name);
      if (lack !== null && wayOut !== undefined) {
        const text = `${name} is not built. ${lack.changesAnswers ? 'Answers change without it' : 'Answers stay as they are'}: ${lack.text}`;
        markAll(occurrence, origin, marks);
        marks.add(origin(occurrence.name), 'missing', { text, wayOut }, name);
      } else markDifferences(name, occurrence, block, origin, marks);
    }
};

/** All lines of a directive that is not built. */
const markAll = ({ tokens }: Occurrence, origin: Checked['origin'], marks: Marks): void => {
  for (const token of tokens) marks.add(origin(token), 'missing');
};

const markDifferences = (
  name: string,
  occurrence: Occurrence,
  block: Block,
  origin: Checked['origin'],
  marks: Marks,
): void => {
  for (const { directive, option, applies, text, see } of DIFFERENCES) {
    if (directive !== name || applies?.(occurrence, block) === false) continue;
    const lines =
      option === undefined ? [occurrence] : (occurrence.body ?? []).filter((line) => line.name.text === option);
    for (const line of lines) marks.add(origin(line.name), 'differs', { text, see });
  }
};

const markFault = (fault: Fault, marks: Marks, rest: Note[]): void => {
  const { message, token, hint } = fault;
  // The walk of the tree has said it of every line.
  if (/^directive '\S+' is known but not built/.test(message)) return;
  const { status, text, wayOut } = wordsFor(fault);
  const note = wayOut === undefined ? { text } : { text, wayOut };
  if (token === null) rest.push(hint === undefined ? { text } : { text, wayOut: hint });
  else marks.add(token, status, note, token.text);
};

const wordsFor = (fault: Fault): { readonly status: Status; readonly text: string; readonly wayOut?: string } => {
  const { message, hint, plugin, token } = fault;
  const word = token?.text ?? '';
  const isUnknown = message.includes('Unknown directive') || message.includes('unknown property');
  const gone = isUnknown
    ? GONE.find(({ directive, option }) =>
        plugin === undefined ? directive === word && option === undefined : directive === plugin && option === word,
      )
    : undefined;
  if (gone !== undefined) return { status: 'gone', text: `CoreDNS 1.14 refuses ${word}, too`, wayOut: gone.wayOut };
  if (message.includes('Unknown directive') && EXTERNAL.includes(word))
    return {
      status: 'missing',
      text: `${word} is an external plugin, which CoreDNS has only where it was built with it`,
    };
  const way = hint === undefined ? {} : { wayOut: hint };
  const isMissing = /not built yet|is not served/.test(`${message} ${hint ?? ''}`);
  const text = `${plugin === undefined ? '' : `plugin/${plugin}: `}${message}`;
  return { status: isMissing ? 'missing' : 'wrong', text, ...way };
};

/** The Corefile, and what it imports in the order in which it was read. */
const textsOf = ({ unit, sources }: Checked): { readonly path: string; readonly given: GivenText }[] => {
  const imported = [...sources]
    .filter(([path]) => path !== unit.path && (unit.pod === null || unit.pod.files.has(path)))
    .map(([path, text]) => ({ path, given: unit.pod?.files.get(path) ?? plainText(path, text) }));
  return [{ path: unit.path, given: unit.corefile }, ...imported];
};

const reportText = (path: string, given: GivenText, marks: Marks, prefix: string): TextReport => {
  const withWords = new Set(tokenize(path, given.text).map(({ line }) => line));
  const lines = given.text
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '')
    .split('\n');
  const first = given.isLineByLine ? given.origin({ line: 1, column: 1 }).place.line : 1;
  return {
    name: given.name,
    prefix,
    lines: lines.map((text, index): LineReport => {
      const mark = marks.of(path, index + 1);
      const status = withWords.has(index + 1) ? (mark?.status ?? 'ok') : '';
      const shown = text.replace(/\r$/, '').replace(/[^\P{Cc}\t]/gu, '\ufffd');
      return { line: first + index, text: shown, status, notes: mark?.notes ?? [], subject: mark?.subject ?? '' };
    }),
  };
};
