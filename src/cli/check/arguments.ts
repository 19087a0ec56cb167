import { UsageError } from '../flags.ts';

export interface CheckArguments {
  readonly file: string;
  readonly isCompat: boolean;
  readonly output: 'text' | 'json';
}

const USAGE = 'usage: cluster-dns check [--compat] [-o text|json] FILE';

/** Reads what follows `check`; flags may stand before the file or behind it. Throws UsageError. */
export const readCheckArguments = (args: readonly string[]): CheckArguments => {
  const files: string[] = [];
  let isCompat = false;
  let output = 'text';
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const [, flag, value] = /^--?([a-z]\w*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (flag === undefined) files.push(arg);
    else if (flag === 'compat' && value === undefined) isCompat = true;
    else if (flag === 'o' || flag === 'output') output = value ?? args[++i] ?? '';
    else if (flag === 'h' || flag === 'help') throw new UsageError('', 0);
    else throw new UsageError(`flag provided but not defined: ${arg}\n${USAGE}`);
  }
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw new UsageError(USAGE);
  if (output !== 'text' && output !== 'json') throw new UsageError(`-o: "${output}" is neither text nor json`);
  return { file, isCompat, output };
};
