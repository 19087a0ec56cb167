/**
 * Domain names as octets. A name in memory is its uncompressed wire form (RFC 1035, section 3.1) held in a string with one
 * character per octet, so dots and bytes above 127 inside a label survive, names are immutable, and they serve as Map keys.
 *
 *     \x03 w w w \x07 e x a m p l e \x00
 */
declare const spelled: unique symbol;
declare const folded: unique symbol;

/** A name in wire octets, in the spelling it came in. */
export type WireName = string & { readonly [spelled]: true };
/** A name in wire octets with A-Z folded to a-z: equal names are equal strings (RFC 4343). */
export type Name = WireName & { readonly [folded]: true };
/** A name in presentation form, fully qualified, as a zone file writes it (RFC 1035, section 5.1). */
export type DomainText = string & { readonly text: unique symbol };

export const ROOT = '\0' as Name;
export const MAX_NAME_OCTETS = 255;
export const MAX_LABEL_OCTETS = 63;

const UPPER = /[A-Z]/;
const UPPER_RUN = /[A-Z]+/g;

/** Folds A-Z only. A length octet is at most 63, so it is never mistaken for a letter. */
export const foldName = (name: WireName): Name =>
  (UPPER.test(name) ? name.replace(UPPER_RUN, (run) => run.toLowerCase()) : name) as Name;

/** Why a text is not a name; `code` is stable. */
export class NameError extends Error {
  readonly code = 'name-invalid';
}

/**
 * Reads presentation form; a missing final dot is supplied. `\.` and `\DDD` escapes are understood; characters above
 * U+007F become their UTF-8 octets. Throws NameError.
 */
export const wireNameFromText = (text: string): WireName => {
  if (text === '.' || text === '') return ROOT;
  let wire = '';
  let label = '';
  const octets = Buffer.from(text, 'utf8').toString('latin1');
  const flush = (): void => {
    if (label.length === 0) throw new NameError(`"${text}" has an empty label`);
    if (label.length > MAX_LABEL_OCTETS) throw new NameError(`"${text}" has a label of more than 63 octets`);
    wire += String.fromCharCode(label.length) + label;
    label = '';
  };
  for (let i = 0; i < octets.length; i++) {
    const char = octets[i] as string;
    if (char === '.') flush();
    else if (char === '\\') {
      const digits = octets.slice(i + 1, i + 4);
      if (/^\d\d\d$/.test(digits)) {
        if (Number(digits) > 255) throw new NameError(`"${text}" has an escape above \\255`);
        label += String.fromCharCode(Number(digits));
        i += 3;
      } else if (i + 1 < octets.length) label += octets[++i];
      else throw new NameError(`"${text}" ends in a lone backslash`);
    } else label += char;
  }
  if (label.length > 0) flush();
  if (wire.length + 1 > MAX_NAME_OCTETS) throw new NameError(`"${text}" is longer than 255 octets`);
  return `${wire}\0` as WireName;
};

/** Reads presentation form and folds it. Throws NameError. */
export const nameFromText = (text: string): Name => foldName(wireNameFromText(text));

/** As `nameFromText`, for text that may well be wrong: null instead of an error. */
export const tryNameFromText = (text: string): Name | null => {
  try {
    return nameFromText(text);
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
};

const NEEDS_ESCAPE = /[^!#-&*+,\-/0-:<-?A-[\]-~]/g;

const escapeOctet = (octet: string): string => {
  const code = octet.charCodeAt(0);
  return code < 0x20 || code > 0x7e ? `\\${String(code).padStart(3, '0')}` : `\\${octet}`;
};

/** Presentation form with a final dot. */
export const textFromName = (name: WireName): DomainText => {
  if (name.length <= 1) return '.' as DomainText;
  let text = '';
  for (let at = 0; at < name.length - 1; ) {
    const end = at + 1 + name.charCodeAt(at);
    text += `${name.slice(at + 1, end).replace(NEEDS_ESCAPE, escapeOctet)}.`;
    at = end;
  }
  return text as DomainText;
};

/** The name without its first label; the root for the root. */
export const parentOf = <N extends WireName>(name: N): N =>
  (name.length <= 1 ? name : name.slice(1 + name.charCodeAt(0))) as N;

/** First label's octets, '' for the root. */
export const firstLabel = (name: WireName): string => name.slice(1, 1 + name.charCodeAt(0));

/** Labels from left to right, without the root's. */
export const labelsOf = (name: WireName): string[] => {
  const labels: string[] = [];
  for (let at = 0; at < name.length - 1; at += 1 + name.charCodeAt(at))
    labels.push(name.slice(at + 1, at + 1 + name.charCodeAt(at)));
  return labels;
};

export const labelCount = (name: WireName): number => {
  let count = 0;
  for (let at = 0; at < name.length - 1; at += 1 + name.charCodeAt(at)) count++;
  return count;
};

/** True where `name` is `zone` or stands below it. */
export const isWithin = (name: Name, zone: Name): boolean => {
  if (zone.length === 1) return true;
  const start = name.length - zone.length;
  if (start < 0 || !name.endsWith(zone)) return false;
  let at = 0;
  while (at < start) at += 1 + name.charCodeAt(at);
  return at === start;
};

/** Labels of `name` to the left of `zone`, from left to right; `name` must be within `zone`. */
export const labelsBelow = (name: Name, zone: Name): string[] =>
  labelsOf(`${name.slice(0, name.length - zone.length)}\0` as Name);

/** Puts labels (raw octets) in front of a name. Throws NameError where a label or the result is too long or empty. */
export const prependLabels = <N extends WireName>(labels: readonly string[], name: N): N => {
  let wire = '';
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL_OCTETS)
      throw new NameError(`a label of ${label.length} octets is not within 1 to 63`);
    wire += String.fromCharCode(label.length) + label;
  }
  if (wire.length + name.length > MAX_NAME_OCTETS) throw new NameError('a name of more than 255 octets');
  return (wire + name) as N;
};

/** Longest zone of `zones` that `name` is within, or null. */
export const longestMatch = (name: Name, zones: readonly Name[]): Name | null => {
  let best: Name | null = null;
  for (const zone of zones) if ((best === null || zone.length > best.length) && isWithin(name, zone)) best = zone;
  return best;
};
