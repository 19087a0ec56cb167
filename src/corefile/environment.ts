import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a Corefile reaches outside of itself. */
export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of a file; throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
  /** Paths that match a pattern with `*` and `?`, in order; a path without them only where it exists. */
  readonly glob: (pattern: string) => string[];
}

/** Stands against a variable whose value names itself; CoreDNS never returns from that. */
const MAX_REPLACEMENTS = 1000;
const MAX_LENGTH = 1 << 20;

/** Replaces `{%NAME%}` and `{$NAME}`; a value that holds references is replaced in turn. An unset variable is empty; `{$}` stays. */
export const replaceVariables = (text: string, env: Environment['env']): string =>
  text.includes('{') ? replaceReferences(replaceReferences(text, '{%', '%}', env), '{$', '}', env) : text;

const replaceReferences = (text: string, open: string, close: string, env: Environment['env']): string => {
  let result = text;
  for (let count = 0; count < MAX_REPLACEMENTS && result.length < MAX_LENGTH; count++) {
    const start = result.indexOf(open);
    const end = start < 0 ? -1 : result.indexOf(close, start);
    if (end <= start + open.length) return result;
    const reference = result.slice(start, end + close.length);
    const value = env[reference.slice(open.length, -close.length)] ?? '';
    result = result.replaceAll(reference, () => value);
  }
  return result;
};

/** Variables of this process and the real file system. */
export const systemEnvironment = (): Environment => ({
  env: process.env,
  readFile: (path) => readFileSync(path, 'utf8'),
  glob: globFiles,
});

/** Paths that match `pattern`; `*` and `?` stop at a slash, and match a leading dot as Go's filepath.Glob does. */
export const globFiles = (pattern: string): string[] => {
  if (!/[*?]/.test(pattern)) return isThere(pattern) ? [pattern] : [];
  let paths = [pattern.startsWith('/') ? '/' : '.'];
  for (const segment of pattern.split('/').filter((part) => part !== ''))
    paths = /[*?]/.test(segment)
      ? paths.flatMap((path) =>
          entriesOf(path).filter((entry) => globMatcher(segment).test(entry.slice(entry.lastIndexOf('/') + 1))),
        )
      : paths.map((path) => join(path, segment)).filter(isThere);
  return paths;
};

/** What a path, or a name in it, has to be like to match `pattern`: `*` and `?` stop at a slash, and match a leading dot. */
export const globMatcher = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')}$`,
    'u',
  );

const entriesOf = (directory: string): string[] => {
  try {
    return readdirSync(directory)
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return []; // Go's Glob ignores directories it cannot read, too
  }
};

const isThere = (path: string): boolean => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false; // a NUL in the name, a name too long, no permission
  }
};
