import { dirname, isAbsolute, resolve } from 'node:path';
import type { Fault, Token } from '#corefile/tree.ts';
import type { Unit } from './unit.ts';

interface Found {
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

/** What is made of a fault that only this machine has: another text, as a warning; null for nothing at all. */
interface Rule {
  readonly pattern: RegExp;
  readonly say: (match: RegExpExecArray, token: Token | null) => string | null;
}

const onItsMachine = (what: string): string =>
  `${what} is not looked at: it has to be there where this Corefile is served`;

const FAULTS: readonly Rule[] = [
  {
    pattern: /^not a valid IP address or interface name: "([A-Za-z][\w.@-]{0,14})"$/,
    say: ([, name]) => onItsMachine(`the interface ${name}`),
  },
  {
    pattern: /^(?:could not load TLS cert: open|error reading) ([^\s:]+): /,
    say: ([, file]) => onItsMachine(`${file}`),
  },
  // A resolv.conf of this machine that names nobody.
  { pattern: /^no valid upstream addresses found$/, say: (_, token) => (token?.text.includes('/') ? null : KEEP) },
];
const WARNINGS: readonly Rule[] = [{ pattern: /^\S+ cannot be read: forward answers SERVFAIL/, say: () => null }];
/** No text of a fault. */
const KEEP = '\0';

/**
 * What is wrong with a Corefile that another machine serves: interfaces, certificates and other files that are missing on this one are warnings, or nothing;
 * variables and files that can't be known here are told.
 */
export const elsewhere = ({ faults, warnings }: Found, unit: Unit, isKnown: (path: string) => boolean): Found => {
  const kept: Fault[] = [];
  const said: Fault[] = [];
  for (const fault of faults) {
    const text = unknownImport(fault, isKnown) ?? wordsOf(fault, FAULTS);
    if (text === KEEP) kept.push(fault);
    else if (text !== null) said.push({ ...withoutHint(fault), message: text });
  }
  for (const warning of warnings) if (wordsOf(warning, WARNINGS) === KEEP) said.push(withCustom(warning, unit));
  return { faults: kept, warnings: [...said, ...unsetVariables(unit)] };
};

const wordsOf = ({ message, token }: Fault, rules: readonly Rule[]): string | null => {
  for (const { pattern, say } of rules) {
    const match = pattern.exec(message);
    if (match !== null) return say(match, token);
  }
  return KEEP;
};

const withoutHint = ({ hint: _, ...fault }: Fault): Fault => fault;

/** A plain file that is imported from where nothing is known. */
const unknownImport = ({ message, token }: Fault, isKnown: (path: string) => boolean): string | undefined => {
  const [, file] = /^Error during parsing: File to import not found: (\S*\/\S*)$/.exec(message) ?? [];
  if (file === undefined || token === null) return undefined;
  const path = isAbsolute(file) ? file : resolve(dirname(token.file), file);
  return isKnown(path) ? undefined : `${file} is not among what was given, so its lines are not checked`;
};

/** Where nothing matches a glob, the ConfigMap that it is for may only not have been given. */
const withCustom = (warning: Fault, { pod }: Unit): Fault => {
  if (pod === null || pod.hasCustom || !warning.message.startsWith('No files matching import glob pattern'))
    return warning;
  return {
    ...warning,
    hint: 'if there is a ConfigMap for it, give it, too: kubectl get configmap coredns coredns-custom -o yaml',
  };
};

const unsetVariables = ({ corefile, path, pod }: Unit): Fault[] => {
  const env = { ...process.env, ...pod?.env };
  const faults: Fault[] = [];
  corefile.text.split('\n').forEach((text, index) => {
    for (const match of text.matchAll(/\{(?:\$(\w+)|%(\w+)%)\}/g)) {
      const name = match[1] ?? match[2] ?? '';
      if (name === '' || env[name] !== undefined || text.trimStart().startsWith('#')) continue;
      const column = [...text.slice(0, match.index)].length + 1;
      const token = { text: match[0], file: path, line: index + 1, column, isQuoted: false, via: null };
      const hint = `give it: ${name}=VALUE cluster-dns check ...`;
      faults.push({ message: `the variable ${name} is not known here and is read as empty`, token, hint });
    }
  });
  return faults;
};
