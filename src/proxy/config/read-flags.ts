import { readBoolean } from '#log/go-boolean.ts';
import { valueOfFlag } from './field-values.ts';
import { COMMON_FLAGS, type CommandFlag, FIELDS, type Field, type FieldValue } from './fields.ts';

/** A value and where it was given, for messages. */
export interface Given {
  readonly value: FieldValue;
  readonly where: () => string;
}

/** A command line, taken apart. */
export interface ProxyFlags {
  /** Settings by the path of their field. */
  readonly fields: ReadonlyMap<string, Given>;
  /** Flags of the command, as they were given; those of booleans are 'true' or 'false'. */
  readonly command: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly faults: readonly string[];
}

/**
 * Reads a command line as kube-proxy does: one dash or two, `--flag=value` or `--flag value`, booleans by their name alone, `_` for `-`.
 * `own`: flags of this command besides.
 */
export const readFlags = (args: readonly string[], own: readonly CommandFlag[] = []): ProxyFlags => {
  const fields = new Map<string, Given>();
  const command = new Map<string, string[]>();
  const positionals: string[] = [];
  const faults: string[] = [];
  const known = knownFlags(own);

  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === '--') {
      positionals.push(...args.slice(i + 1));
      break;
    }
    const match = /^(--?)([A-Za-z][\w.-]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      positionals.push(arg);
      continue;
    }
    const [, dashes, written, inline] = match as unknown as [string, string, string, string | undefined];
    const { flag, attached } = findFlag(known, dashes, written.replaceAll('_', '-'));
    if (flag === undefined) {
      faults.push(`--${written}: there is no such flag`);
      // What follows is most likely its value.
      if (inline === undefined && args[i + 1]?.startsWith('-') === false) i++;
      continue;
    }
    let text = attached ?? inline;
    if (text === undefined && flag.type === 'boolean') text = 'true';
    text ??= args[++i];
    if (text === undefined) {
      faults.push(`--${flag.name}: needs a value`);
      continue;
    }
    const fault = flag.command === null ? takeFields(flag, text, fields) : takeCommandFlag(flag.command, text, command);
    if (fault !== null) faults.push(`--${flag.name}: ${fault}`);
  }
  return { fields, command, positionals, faults };
};

interface KnownFlag {
  readonly name: string;
  readonly type: string;
  readonly fields: readonly Field[];
  /** null for a setting. */
  readonly command: CommandFlag | null;
}

const knownFlags = (own: readonly CommandFlag[]): ReadonlyMap<string, KnownFlag> => {
  const known = new Map<string, KnownFlag>();
  for (const { flag: name, short, type } of FIELDS) {
    if (name === undefined || known.has(name)) continue;
    const flag = { name, type, fields: FIELDS.filter((field) => field.flag === name), command: null };
    known.set(name, flag);
    if (short !== undefined) known.set(short, flag);
  }
  for (const command of [...COMMON_FLAGS, ...own]) {
    const flag = { name: command.name, type: command.type, fields: [], command };
    known.set(command.name, flag);
    if (command.short !== undefined) known.set(command.short, flag);
  }
  return known;
};

/** A value may follow a letter at once, as in `-v4`. */
const findFlag = (
  known: ReadonlyMap<string, KnownFlag>,
  dashes: string,
  name: string,
): { readonly flag: KnownFlag | undefined; readonly attached?: string } => {
  const flag = known.get(name);
  if (flag !== undefined || dashes === '--') return { flag };
  const [, letter = '', digits = ''] = /^([a-z])(\d+)$/.exec(name) ?? [];
  return letter === '' ? { flag } : { flag: known.get(letter), attached: digits };
};

const takeFields = (flag: KnownFlag, text: string, into: Map<string, Given>): string | null => {
  for (const field of flag.fields) {
    const read = valueOfFlag(field, text, into.get(field.path)?.value);
    if ('fault' in read) return read.fault;
    into.set(field.path, { value: read.value, where: () => `--${flag.name}` });
  }
  return null;
};

const takeCommandFlag = (flag: CommandFlag, text: string, into: Map<string, string[]>): string | null => {
  if (flag.type === 'boolean') {
    const isOn = readBoolean(text);
    if (isOn === null) return `"${text}" is neither true nor false`;
    into.set(flag.name, [String(isOn)]);
  } else into.set(flag.name, flag.type === 'texts' ? [...(into.get(flag.name) ?? []), text] : [text]);
  return null;
};
