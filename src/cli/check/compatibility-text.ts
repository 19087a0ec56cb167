import type { Compatibility, LineReport, Note, Status, TextReport } from './compatibility.ts';
import { printable } from './given-text.ts';

const WIDTH = 110;
const STATUS_WIDTH = 9;

/** For a terminal: each line with its status and number, what is to be said of it below it, and a summary. */
export const compatibilityText = (report: Compatibility): string => {
  const { name, texts, faults, isNodeCache } = report;
  const said = new Map<string, string>();
  const parts = texts.map((text, index) =>
    textReport(text, index === 0 ? headline(name, isNodeCache) : text.name, said),
  );
  const rest = faults.flatMap((note) => noteLines(note, 0));
  return `${[...parts, ...rest, summary(report)].join('\n')}\n`;
};

const headline = (name: string, isNodeCache: boolean): string =>
  isNodeCache ? `${name} (template of node-cache, as it fills it in)` : name;

/** `said`: the line where each note stands that was shown before. */
const textReport = ({ lines, prefix }: TextReport, title: string, said: Map<string, string>): string => {
  const width = String(lines.at(-1)?.line ?? 0).length;
  const rows = lines.flatMap((line) => lineRows(sayOnce(line, `${prefix}${line.line}`, said), width));
  return `${title}\n\n${rows.join('\n')}\n`;
};

/** What was said of an earlier line is not said in full again. */
const sayOnce = (line: LineReport, place: string, said: Map<string, string>): LineReport => ({
  ...line,
  notes: line.notes.map((note) => {
    const before = said.get(note.text);
    if (before === undefined) said.set(note.text, place);
    return before === undefined ? note : { text: `as line ${before}` };
  }),
});

const lineRows = ({ line, text, status, notes }: LineReport, width: number): string[] => {
  const row = `${status.padEnd(STATUS_WIDTH)}${String(line).padStart(width)}  ${text}`.trimEnd();
  const indent = STATUS_WIDTH + width + 2 + columnsOf(/^\s*/.exec(text)?.[0] ?? '');
  return [row, ...notes.flatMap((note) => noteLines(note, Math.min(indent, WIDTH / 2)))];
};

/** A tab goes to the next multiple of eight on a terminal. */
const columnsOf = (blanks: string): number =>
  [...blanks].reduce((at, char) => (char === '\t' ? at + 8 - (at % 8) : at + 1), 0);

const noteLines = ({ text, wayOut, see }: Note, indent: number): string[] => {
  const parts = [
    clip(printable(text)),
    ...(wayOut === undefined ? [] : [`Way out: ${printable(wayOut)}`]),
    ...(see === undefined ? [] : [`See ${see}`]),
  ];
  return parts.flatMap((part, index) => wrap(part, indent, index === 0 ? '^ ' : '  '));
};

const wrap = (text: string, indent: number, lead: string): string[] => {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + lead.length + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((part, index) => `${' '.repeat(indent)}${index === 0 ? lead : '  '}${part}`);
};

const WORDS: readonly (readonly [status: Status, one: string, many: string])[] = [
  ['ok', 'line as in CoreDNS', 'lines as in CoreDNS'],
  ['note', 'line as in CoreDNS that is worth a look', 'lines as in CoreDNS that are worth a look'],
  ['differs', 'line that works otherwise', 'lines that work otherwise'],
  ['missing', 'line that is not built', 'lines that are not built'],
  ['gone', 'line that CoreDNS refuses, too', 'lines that CoreDNS refuses, too'],
  ['wrong', 'line with a fault', 'lines with a fault'],
];

const summary = ({ texts, fits, faults }: Compatibility): string => {
  const all = texts.flatMap(({ lines, prefix }) => lines.map((line) => ({ ...line, prefix })));
  const counts = WORDS.map(([status, one, many]) => {
    const lines = all.filter((line) => line.status === status);
    return { status, lines, words: lines.length === 1 ? one : many };
  }).filter(({ lines }) => lines.length > 0);
  const width = Math.max(0, ...counts.map(({ lines }) => String(lines.length).length));
  const rows = counts.map(({ status, lines, words }) => {
    const where = status === 'ok' ? '' : `: ${placesOf(lines)}`;
    return `  ${String(lines.length).padStart(width)} ${words}${where}`;
  });
  const unplaced = faults.length > 0 ? [`  ${faults.length} faults without a line`] : [];
  const verdict = fits
    ? 'It fits: the server starts with it as it is.'
    : 'It does not fit: the server would not start with it.';
  return [verdict, ...rows, ...unplaced, 'What else differs, seldom met: docs/differences.md'].join('\n');
};

/** An unterminated quote makes the rest of a file one word. */
const MAX_TEXT = 400;

const clip = (text: string): string => (text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)} ...`);

/** Numbers of lines that have something said of them, with what they are about. */
const placesOf = (lines: readonly (LineReport & { readonly prefix: string })[]): string =>
  lines
    .filter(({ notes }) => notes.length > 0)
    .map(({ prefix, line, subject }) => `${prefix}${line}${subject === '' ? '' : ` ${clip(printable(subject))}`}`)
    .join(', ');
