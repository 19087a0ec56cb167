import type { Directive, Faults, Occurrence, Token } from '#corefile/tree.ts';
import { type Name, ROOT, tryNameFromText } from '#dns/name.ts';
import type { ReplyClass } from './reply-class.ts';

/** Which queries are logged, and how. */
export interface LogRule {
  readonly zone: Name;
  /** Classes of replies that are logged; null for all. */
  readonly classes: ReadonlySet<ReplyClass> | null;
  readonly format: string;
}

/** `{common}`, which is also the default. */
export const COMMON_FORMAT =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}';
const COMBINED_FORMAT = `${COMMON_FORMAT} "{>opcode}"`;
const CLASSES: readonly string[] = ['all', 'success', 'denial', 'error'];

/** Reads all `log [NAMES...] [FORMAT] { class ... }` of a server block; the first rule that matches a name counts. */
export const readRules = (directive: Directive, faults: Faults): LogRule[] =>
  directive.occurrences.flatMap((occurrence) => readOccurrence(occurrence, faults));

const readOccurrence = ({ args, body }: Occurrence, faults: Faults): LogRule[] => {
  const classes = readClasses(body ?? [], faults);
  const last = args.at(-1);
  // CoreDNS takes a single word for a name even where it looks like a format (plugin/log/setup.go); here it is told.
  if (args.length === 1 && last?.text.includes('{'))
    faults.warn(`"${last.text}" is taken for a name: give a name before a format, such as "log . ${last.text}"`, last);
  const hasFormat = args.length > 1 && last !== undefined && last.text.includes('{');
  const format = hasFormat
    ? last.text.replaceAll('{common}', COMMON_FORMAT).replaceAll('{combined}', COMBINED_FORMAT)
    : COMMON_FORMAT;
  const names = hasFormat ? args.slice(0, -1) : args;
  const zones = names.length === 0 ? [ROOT] : names.flatMap((name) => readZone(name, faults));
  return zones.map((zone) => ({ zone, classes, format }));
};

const readZone = (token: Token, faults: Faults): Name[] => {
  const zone = tryNameFromText(token.text);
  if (zone !== null) return [zone];
  faults.warn(`"${token.text}" is not a name and is ignored`, token);
  return [];
};

const readClasses = (body: NonNullable<Occurrence['body']>, faults: Faults): ReadonlySet<ReplyClass> | null => {
  const classes = new Set<ReplyClass>();
  let isAll = true;
  let hasAll = false;
  for (const { name, args } of body) {
    if (name.text !== 'class') {
      faults.add(`unknown property '${name.text}'`, name);
      continue;
    }
    if (args.length === 0) faults.argument(name);
    for (const word of args) {
      isAll = false;
      if (!CLASSES.includes(word.text)) faults.add(`invalid Class: ${word.text}`, word);
      else if (word.text === 'all') hasAll = true;
      else classes.add(word.text as ReplyClass);
    }
  }
  return isAll || hasAll ? null : classes;
};
