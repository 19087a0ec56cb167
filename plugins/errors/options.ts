import { readDurationMs } from '#corefile/readers.ts';
import type { Directive, Faults, OptionLine, Token } from '#corefile/tree.ts';
import { readGoRegexp } from './go-regexp.ts';

export type ErrorLevel = 'warning' | 'error' | 'info' | 'debug';

/** Errors to be logged together. */
export interface ConsolidatePattern {
  readonly periodMs: number;
  readonly pattern: RegExp;
  /** The expression as it stands in the Corefile. */
  readonly source: string;
  readonly level: ErrorLevel;
  /** True where the first of them is logged by itself at once. */
  readonly isFirstShown: boolean;
}

export interface ErrorsOptions {
  readonly isStackLogged: boolean;
  readonly patterns: readonly ConsolidatePattern[];
}

const LEVELS: readonly string[] = ['warning', 'error', 'info', 'debug'];
const MAX_REGEXP_LENGTH = 10_000;

/** Reads `errors [stdout] { stacktrace; consolidate DURATION REGEXP [LEVEL] [show_first] }`. */
export const readOptions = (directive: Directive, faults: Faults): ErrorsOptions => {
  const patterns: ConsolidatePattern[] = [];
  let isStackLogged = false;
  const [occurrence] = directive.occurrences;
  const [target, extra] = occurrence?.args ?? [];
  if (extra !== undefined) faults.argument(occurrence?.args.at(-1) ?? extra);
  else if (target !== undefined && target.text !== 'stdout')
    faults.add(`invalid log file: ${target.text}`, target, 'errors are logged to standard output: remove the word');
  for (const line of occurrence?.body ?? []) {
    if (line.name.text === 'stacktrace') isStackLogged = true;
    else if (line.name.text === 'consolidate') {
      const pattern = readConsolidate(line, faults);
      if (pattern !== null) patterns.push(pattern);
    } else
      faults.add(
        `Syntax error: Unexpected token '${line.name.text}', expecting 'Unknown field ${line.name.text}'`,
        line.name,
      );
  }
  return { isStackLogged, patterns };
};

const readConsolidate = (line: OptionLine, faults: Faults): ConsolidatePattern | null => {
  const [period, pattern, ...rest] = line.args;
  if (period === undefined || pattern === undefined || rest.length > 2) {
    faults.argument(line.args.at(-1) ?? line.name);
    return null;
  }
  const periodMs = readDurationMs(period.text);
  if (periodMs === null) {
    const isNumber = /^[+-]?[\d.]+$/.test(period.text);
    faults.add(
      `time: ${isNumber ? 'missing unit in' : 'invalid'} duration "${period.text}"`,
      period,
      isNumber ? `did you mean ${period.text}s?` : 'a duration is written 30s or 1m',
    );
    return null;
  }
  const regexp = readPattern(pattern, faults);
  const level = readLevel(rest, faults);
  if (regexp === null || level === null) return null;
  return { periodMs, pattern: regexp, source: pattern.text, ...level };
};

const readPattern = (token: Token, faults: Faults): RegExp | null => {
  const { length } = Buffer.from(token.text);
  if (length > MAX_REGEXP_LENGTH) {
    faults.add(`regex pattern too long: ${length} > ${MAX_REGEXP_LENGTH}`, token);
    return null;
  }
  const regexp = readGoRegexp(token.text);
  if (typeof regexp !== 'string') return regexp;
  faults.add(`error parsing regexp: ${regexp}`, token);
  return null;
};

const readLevel = (words: readonly Token[], faults: Faults): { level: ErrorLevel; isFirstShown: boolean } | null => {
  let level: ErrorLevel | null = null;
  let isFirstShown = false;
  for (const word of words) {
    if (LEVELS.includes(word.text)) {
      if (level !== null) faults.add('multiple log levels specified in consolidate', word);
      else if (isFirstShown) faults.add('log level must come before show_first in consolidate', word);
      else {
        level = word.text as ErrorLevel;
        continue;
      }
      return null;
    }
    if (word.text !== 'show_first') {
      faults.add(`unknown option in consolidate: ${word.text}`, word);
      return null;
    }
    isFirstShown = true;
  }
  return { level: level ?? 'error', isFirstShown };
};
