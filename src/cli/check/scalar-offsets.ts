import type { WrittenScalar } from '#kube/manifests/parse-yaml.ts';

/**
 * Where each character of a YAML text's value stands in the file, or null where that can't be said: `value` is what the YAML parser made of it, and
 * what does not come out the same here is not trusted. A folded block (`>`) is not read.
 */
export const scalarOffsets = (file: string, written: WrittenScalar, value: string): Uint32Array | null => {
  if (written.style === 'folded') return null;
  const read = written.style === 'literal' ? readLiteral(file, written) : readFlow(file, written);
  return read?.text.startsWith(value) ? read.offsets : null;
};

interface Read {
  /** The value; of a block before line ends are cut off at its end. */
  readonly text: string;
  readonly offsets: Uint32Array;
}

const readLiteral = (file: string, { start, end, indent }: WrittenScalar): Read => {
  const lines: string[] = [];
  const offsets = new Uint32Array(end - start + 1);
  let count = 0;
  for (let at = start; at < end; ) {
    const newline = file.indexOf('\n', at);
    const lineEnd = newline < 0 || newline > end ? end : newline;
    const textEnd = file[lineEnd - 1] === '\r' ? lineEnd - 1 : lineEnd;
    const from = Math.min(at + indent, textEnd);
    lines.push(file.slice(from, textEnd));
    for (let i = from; i <= textEnd; i++) offsets[count++] = i;
    at = lineEnd + 1;
  }
  return { text: `${lines.join('\n')}\n`, offsets };
};

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '0': '\0', a: '\x07', b: '\b', t: '\t', '\t': '\t', n: '\n', v: '\v', f: '\f', r: '\r', e: '\x1b', ' ': ' ' },
  ...{ '"': '"', '/': '/', '\\': '\\', N: '\u0085', _: '\u00a0', L: '\u2028', P: '\u2029' },
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Plain, single-quoted and double-quoted: a line end is a blank, and several are one less. YAML 1.2.2, sections 6.5 and 7.3. */
const readFlow = (file: string, { style, start, end }: WrittenScalar): Read | null => {
  const characters: string[] = [];
  const offsets: number[] = [];
  /** Blanks before this were escaped and stay. */
  let kept = 0;
  const push = (text: string, offset: number): void => {
    for (const unit of text.split('')) {
      characters.push(unit);
      offsets.push(offset);
    }
  };
  for (let at = start; at < end; ) {
    const char = file[at] as string;
    const next = file[at + 1] ?? '';
    if (style === 'single' && char === "'") {
      push("'", at);
      at += 2;
    } else if (style === 'double' && char === '\\') {
      const lineEnd = /^\\\r?\n/.exec(file.slice(at, at + 3));
      if (lineEnd !== null) {
        const { breaks, after } = skipBreaks(file, at + 1, end);
        push('\n'.repeat(breaks - 1), at);
        at = after;
      } else if (next in HEX_DIGITS) {
        const digits = HEX_DIGITS[next] as number;
        const code = Number.parseInt(file.slice(at + 2, at + 2 + digits), 16);
        if (!(code <= 0x10ffff)) return null;
        push(String.fromCodePoint(code), at);
        at += 2 + digits;
      } else {
        const text = ESCAPES[next];
        if (text === undefined) return null;
        push(text, at);
        at += 2;
      }
      kept = characters.length;
    } else if (char === '\n' || (char === '\r' && next === '\n')) {
      while (characters.length > kept && /[ \t]/.test(characters.at(-1) as string)) {
        characters.pop();
        offsets.pop();
      }
      const { breaks, after } = skipBreaks(file, at, end);
      push(breaks === 1 ? ' ' : '\n'.repeat(breaks - 1), at);
      kept = characters.length;
      at = after;
    } else {
      push(char, at);
      at++;
    }
  }
  return { text: characters.join(''), offsets: Uint32Array.from(offsets) };
};

/** Line ends from here on, and where the next line's text begins. */
const skipBreaks = (file: string, from: number, end: number): { readonly breaks: number; readonly after: number } => {
  let breaks = 0;
  let after = from;
  for (; after < end && /[ \t\r\n]/.test(file[after] as string); after++) if (file[after] === '\n') breaks++;
  return { breaks, after };
};
