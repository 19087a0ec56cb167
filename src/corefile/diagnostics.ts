import { codeFrame } from './code-frame.ts';
import type { Fault, ImportTrail, Token } from './tree.ts';

/** Longest message that is shown: an unterminated quote makes the rest of a file one word. */
const MAX_MESSAGE = 400;
const MAX_TRAIL = 5;

/**
 * A fault on one line, for logs: `Corefile:3:5: plugin/cache: message (hint)`. CoreDNS's wording stays in one piece, but for its
 * own `FILE:LINE - `.
 */
export const faultLine = (fault: Fault): string => {
  const hint = fault.hint === undefined ? '' : ` (${oneLine(fault.hint)})`;
  return `${headline(fault)}${hint}`;
};

/** A fault with its source line, a caret, the hint and the imports it came through; several lines without a final newline. */
export const faultText = (fault: Fault, sources: ReadonlyMap<string, string>): string => {
  const lines = [headline(fault)];
  const frame = fault.token === null ? '' : codeFrame(fault.token, sources);
  for (const line of frame.split('\n')) if (line !== '') lines.push(`  ${line}`);
  const hint = fault.hint ?? commentHint(fault.token, sources);
  if (hint !== undefined) lines.push(`  hint: ${oneLine(hint)}`);
  lines.push(...trailLines(fault.token?.via ?? null));
  return lines.join('\n');
};

/** All faults as text, in the order of the file, each ended by a newline; '' where there is none. */
export const faultsText = (faults: readonly Fault[], sources: ReadonlyMap<string, string>): string =>
  inFileOrder(faults)
    .map((fault) => `${faultText(fault, sources)}\n`)
    .join('');

/** Faults in the order in which a reader of the main file meets them: an imported one where its import stands. */
export const inFileOrder = (faults: readonly Fault[]): Fault[] =>
  faults.toSorted((a, b) => comparePlaces(placesOf(a), placesOf(b)));

type Place = readonly [line: number, column: number];

/** Where the fault stands, from the main file inwards. A fault without a place comes last. */
const placesOf = ({ token }: Fault): readonly Place[] => {
  if (token === null) return [[Number.POSITIVE_INFINITY, 0]];
  const places: Place[] = [[token.line, token.column]];
  for (let trail = token.via; trail !== null; trail = trail.via) places.push([trail.line, trail.column]);
  return places.reverse();
};

const comparePlaces = (a: readonly Place[], b: readonly Place[]): number => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [lineA, columnA] = a[i] as Place;
    const [lineB, columnB] = b[i] as Place;
    if (lineA !== lineB) return lineA < lineB ? -1 : 1;
    if (columnA !== columnB) return columnA - columnB;
  }
  return a.length - b.length;
};

const headline = ({ token, plugin, message }: Fault): string => {
  const place = token === null ? '' : `${token.file}:${token.line}:${token.column}: `;
  return `${place}${plugin === undefined ? '' : `plugin/${plugin}: `}${clip(oneLine(message))}`;
};

const clip = (text: string): string => {
  if (text.length <= MAX_MESSAGE) return text;
  const head = text.slice(0, MAX_MESSAGE / 2);
  return `${head} ... ${text.slice(-MAX_MESSAGE / 4)}`;
};

/** Control characters as escapes: what stands in a file must not write lines of its own into a log. */
const oneLine = (text: string): string =>
  text.replace(/\p{Cc}/gu, (char) =>
    char === '\n' ? '\\n' : char === '\t' ? '\\t' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** Where `//` stands as a word on the line of a fault, that is likely what is wrong. */
const commentHint = (token: Token | null, sources: ReadonlyMap<string, string>): string | undefined => {
  const line = token === null ? undefined : sources.get(token.file)?.split('\n')[token.line - 1];
  return line !== undefined && /(^|\s)\/\//.test(line) ? "a comment starts with '#', not with '//'" : undefined;
};

const trailLines = (via: ImportTrail | null): string[] => {
  const lines: string[] = [];
  for (let trail = via; trail !== null; trail = trail.via)
    lines.push(`  imported at ${trail.file}:${trail.line}:${trail.column} (${oneLine(trail.what)})`);
  if (lines.length <= MAX_TRAIL) return lines;
  return [...lines.slice(0, MAX_TRAIL - 1), `  ... ${lines.length - MAX_TRAIL} more ...`, lines.at(-1) as string];
};
