import type { Token } from './tree.ts';

/** A line of the frame shows at most this much of a source line. */
const MAX_WIDTH = 160;

/**
 * The source line of a word with carets under the word, or '' where the source is unknown. Lines are numbered as in the file:
 *
 *     3 |     kuberntes cluster.local
 *       |     ^^^^^^^^^
 */
export const codeFrame = (token: Token, sources: ReadonlyMap<string, string>): string => {
  const source = sources.get(token.file);
  const raw = source?.replace(/^\ufeff/, '').split('\n')[token.line - 1];
  if (raw === undefined) return '';
  const characters = [...raw.replace(/\r$/, '')];
  const start = Math.min(token.column - 1, characters.length);
  const width = wordWidth(characters.slice(start).join(''), token.isQuoted);
  const from = Math.max(0, Math.min(start - MAX_WIDTH / 2, characters.length - MAX_WIDTH));
  const shown = characters.slice(from, from + MAX_WIDTH);
  const before = shown.slice(0, start - from).map((char) => (char === '\t' ? '\t' : ' '));
  const carets = '^'.repeat(Math.max(1, Math.min(width, MAX_WIDTH - before.length)));
  const number = String(token.line);
  return `${number} | ${shown.map(visible).join('')}\n${' '.repeat(number.length)} | ${before.join('')}${carets}`;
};

/** Characters that a word takes in the source: `{$HOME}` is longer or shorter there than what stands for it. */
const wordWidth = (rest: string, isQuoted: boolean): number =>
  [...((isQuoted ? /^"(?:\\.|[^"\\])*"?/ : /^[^\s#]+/).exec(rest)?.[0] ?? '')].length;

/** A control character other than a tab as one that shows, so that a frame is safe to print and keeps its columns. */
const visible = (char: string): string => (char !== '\t' && /\p{Cc}/u.test(char) ? '\ufffd' : char);
