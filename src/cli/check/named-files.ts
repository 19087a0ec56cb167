import { isAbsolute, posix } from 'node:path';
import type { Corefile, Fault, Token } from '#corefile/tree.ts';
import { readHostLine } from '#plugins/hosts/host-line.ts';
import { isKnownPlace, type Unit } from './unit.ts';

/** Files that directives name, held against the keys that were given: one that is not there, and lines of hosts files that say nothing. */
export const namedFileWarnings = (corefile: Corefile, { path, pod }: Unit): Fault[] => {
  if (pod === null) return [];
  const warnings: Fault[] = [];
  const seen = new Set<string>();
  for (const token of namedFiles(corefile)) {
    const file = isAbsolute(token.text) ? token.text : posix.join(posix.dirname(path), token.text);
    const text = pod.files.get(file);
    if (text !== undefined && !seen.has(file)) warnings.push(...hostLineWarnings(file, text.text));
    seen.add(file);
    if (text === undefined && isKnownPlace(pod, file))
      warnings.push({ message: `${token.text} is not there: its ConfigMap has no such key`, token });
  }
  return warnings;
};

/** `hosts FILE`. */
const namedFiles = ({ blocks }: Corefile): Token[] =>
  blocks
    .flatMap(({ directives }) => directives)
    .filter(({ name }) => name === 'hosts')
    .flatMap(({ occurrences }) => occurrences.flatMap(({ args }) => args.slice(0, 1)));

const hostLineWarnings = (file: string, text: string): Fault[] =>
  text.split('\n').flatMap((line, index): Fault[] => {
    const read = readHostLine(line);
    if (read === null || !('complaint' in read)) return [];
    const column = [...(/^\s*/.exec(line)?.[0] ?? '')].length + 1;
    const token = { text: line.trim(), file, line: index + 1, column, isQuoted: false, via: null };
    return [{ message: `${read.complaint}: the line is passed over`, token, plugin: 'hosts' }];
  });
