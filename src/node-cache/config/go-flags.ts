import { suggestion } from '#corefile/suggest.ts';
import { readBoolean } from '#log/go-boolean.ts';

/** A flag as the help and the reader need it. */
export interface Flag {
  readonly name: string;
  /** Another name for it. */
  readonly short?: string;
  /** What stands for its value in the help; left out for a boolean, which its name alone turns on. */
  readonly value?: string;
  /** Where it is not given; booleans as 'true' and 'false'. */
  readonly standard: string;
  readonly help: string;
}

/** A command line, taken apart. */
export interface GivenFlags {
  /** Texts by the flag's name, the last where it is given twice; those of booleans are 'true' or 'false'. */
  readonly values: ReadonlyMap<string, string>;
  readonly faults: readonly string[];
}

/**
 * Reads a command line in the syntax of Go's flags: one dash or two, `-flag=value`, `-flag value`, `-bool`, `-bool=false`. All that is
 * wrong is told, each fault with the name of its flag.
 */
export const readGoFlags = (args: readonly string[], flags: readonly Flag[]): GivenFlags => {
  const values = new Map<string, string>();
  const faults: string[] = [];
  const byName = new Map(flags.flatMap((flag) => [flag.name, flag.short ?? flag.name].map((name) => [name, flag])));
  const extra: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) {
      if (arg !== '--') extra.push(arg);
      continue;
    }
    const [, name, inline] = match as unknown as [string, string, string | undefined];
    const flag = byName.get(name);
    if (flag === undefined) {
      faults.push(unknownFlag(name, [...byName.keys()]));
      // What follows is most likely its value.
      if (inline === undefined && args[i + 1]?.startsWith('-') === false) i++;
    } else if (flag.value === undefined) {
      const isOn = inline === undefined ? true : readBoolean(inline);
      if (isOn === null) faults.push(`invalid boolean value "${inline}" for -${flag.name}: parse error`);
      else values.set(flag.name, String(isOn));
      const next = args[i + 1];
      if (inline === undefined && next !== undefined && readBoolean(next) !== null) {
        faults.push(`-${flag.name} ${next}: a boolean takes its value behind "=": -${flag.name}=${next}`);
        i++;
      }
    } else {
      const text = inline ?? args[++i];
      if (text === undefined) faults.push(`flag needs an argument: -${flag.name}`);
      else values.set(flag.name, text);
    }
  }
  if (extra.length > 0) faults.push(`extra command line arguments: [${extra.join(' ')}]`);
  return { values, faults };
};

const unknownFlag = (name: string, known: readonly string[]): string => {
  const hint = suggestion(name, known)?.replace('"', '"-');
  return `flag provided but not defined: -${name}${hint === undefined ? '' : ` (${hint})`}`;
};

/** Help in two columns, a line for each flag. */
export const flagsText = (flags: readonly Flag[]): string => {
  const names = flags.map(
    ({ name, short, value }) =>
      `-${name}${short === undefined ? '' : `, -${short}`}${value === undefined ? '' : ` ${value}`}`,
  );
  const width = Math.max(...names.map((text) => text.length));
  return flags
    .map(({ help, standard, value }, i) => {
      const isSaid = standard === '' || (value === undefined && standard === 'false');
      return `  ${(names[i] as string).padEnd(width)}  ${help}${isSaid ? '' : ` (default ${standard})`}\n`;
    })
    .join('');
};
