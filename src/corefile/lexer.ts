import type { Token } from './tree.ts';

/** White space as Go's unicode.IsSpace has it: U+0085 is, U+FEFF is not, unlike `\s`. */
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Words of a Corefile, environment variables not yet replaced. Kept as CoreDNS has it (caddyfile/lexer.go), odd as it looks:
 * a quote opens only at the start of a word; `\"` is the only escape; `#` starts a comment also within a word, and then
 * the comment ends at the next white space instead of the end of the line; `\r` vanishes outside quotes.
 */
export const tokenize = (file: string, source: string): Token[] => {
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const tokens: Token[] = [];
  let line = 1;
  let column = 0;
  let at = 0;

  const next = (): string | undefined => {
    const code = text.codePointAt(at);
    if (code === undefined) return undefined;
    const char = String.fromCodePoint(code);
    at += char.length;
    column++;
    if (char === '\n') {
      line++;
      column = 0;
    }
    return char;
  };

  const quoted = (startLine: number, startColumn: number): void => {
    let word = '';
    let isClosed = false;
    for (let char = next(); char !== undefined; char = next()) {
      if (char === '"') {
        isClosed = true;
        break;
      }
      if (char === '\\') {
        const escaped = next();
        if (escaped === undefined) break;
        word += escaped === '"' ? '"' : `\\${escaped}`;
      } else word += char;
    }
    if (isClosed || word !== '')
      tokens.push({ text: word, file, line: startLine, column: startColumn, isQuoted: true, via: null });
  };

  let word = '';
  let isComment = false;
  let startLine = 1;
  let startColumn = 1;
  const finish = (): void => {
    if (word !== '')
      tokens.push({ text: word, file, line: startLine, column: startColumn, isQuoted: false, via: null });
    word = '';
  };
  for (let char = next(); char !== undefined; char = next()) {
    if (char === '\r') continue;
    if (SPACE.test(char)) {
      if (word !== '' || char === '\n') isComment = false;
      finish();
      continue;
    }
    if (char === '#') isComment = true;
    if (isComment) continue;
    if (word === '') {
      startLine = line;
      startColumn = column;
      if (char === '"') {
        quoted(line, column);
        continue;
      }
    }
    word += char;
  }
  finish();
  return tokens;
};
