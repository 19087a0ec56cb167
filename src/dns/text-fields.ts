/** One word of a record in text (RFC 1035, section 5.1): bare, or in double quotes. Escapes still stand in `raw`. */
export interface TextField {
  readonly raw: string;
  readonly isQuoted: boolean;
}

/** Why a text is not a record; `code` is stable. */
export class RecordTextError extends Error {
  readonly code = 'record-text';
}

const FIELD = /\s+|;[^\n]*|[()]|"((?:[^"\\]|\\.)*)"|((?:[^\s"();\\]|\\.)+)|(.)/gs;

/** Splits one record's text into its words. Comments go, parentheses count as space, so a record may run over several lines. Throws RecordTextError. */
export const splitFields = (text: string): TextField[] => {
  const fields: TextField[] = [];
  for (const [, quoted, bare, stray] of text.matchAll(FIELD)) {
    if (quoted !== undefined) fields.push({ raw: quoted, isQuoted: true });
    else if (bare !== undefined) fields.push({ raw: bare, isQuoted: false });
    else if (stray === '"') throw new RecordTextError('a quoted string has no closing quote');
    else if (stray !== undefined) throw new RecordTextError('the text ends in a lone backslash');
  }
  return fields;
};

/** Octets that a word stands for, one character each: `\DDD` and `\x` resolved, characters above U+007F as UTF-8. Throws RecordTextError. */
export const octetsOfField = (field: TextField): string =>
  Buffer.from(field.raw, 'utf8')
    .toString('latin1')
    .replace(/\\(\d{3}|.)/gs, (_, escaped: string) => {
      if (escaped.length === 1) return escaped;
      if (Number(escaped) > 255) throw new RecordTextError(`escape \\${escaped} is above \\255`);
      return String.fromCharCode(Number(escaped));
    });

/** A character-string in double quotes, everything but printable ASCII as `\DDD`. */
export const quoteOctets = (octets: string): string =>
  `"${octets.replace(/["\\]|[^ -~]/g, (octet) =>
    octet === '"' || octet === '\\' ? `\\${octet}` : `\\${String(octet.charCodeAt(0)).padStart(3, '0')}`,
  )}"`;
