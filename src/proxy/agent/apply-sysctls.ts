import { readFileSync, writeFileSync } from 'node:fs';
import type { Log } from '#log/log.ts';
import type { KernelCheck, KernelSetting } from './sysctls.ts';

/** Files of the kernel; a test brings its own. */
export interface KernelFiles {
  read(file: string): string;
  write(file: string, text: string): void;
}

export const kernelFiles: KernelFiles = {
  read: (file) => readFileSync(file, 'latin1'),
  write: (file, text) => writeFileSync(file, text),
};

/** Writes what is not as it should be. Gives what could not be set and is needed, a line each. */
export const applySettings = (
  settings: readonly KernelSetting[],
  log: Log,
  files: KernelFiles = kernelFiles,
): readonly string[] => {
  const faults: string[] = [];
  for (const { file, value, advice, isLeast, isOptional } of settings) {
    const now = numberIn(file, files);
    if (now === value || (isOptional && isLeast && now !== null && now > value)) continue;
    try {
      files.write(file, `${value}\n`);
      log.info(`set ${nameOf(file)} to ${value}${now === null ? '' : `, it was ${now}`}`);
    } catch (error) {
      const why = reason(error as NodeJS.ErrnoException);
      const line = `${nameOf(file)} can't be set to ${value}${now === null ? '' : ` (it is ${now})`}: ${why}; ${advice}`;
      // kube-proxy sets a larger table to its own size; where that can't be, the larger one will do.
      const isEnough = isLeast === true && now !== null && now > value;
      if (isEnough) log.info(`${nameOf(file)} stays at ${now}, above ${value}: ${why}`);
      else if (isOptional) log.warning(line);
      else faults.push(line);
    }
  }
  return faults;
};

/** Warns of what is not as it should be and is left to the node's owner. */
export const warnOf = (checks: readonly KernelCheck[], log: Log, files: KernelFiles = kernelFiles): void => {
  for (const { file, isFine, warning } of checks) {
    const value = numberIn(file, files);
    if (value !== null && !isFine(value)) log.warning(warning);
  }
};

/** A number of the kernel; null where there is none. */
export const numberIn = (file: string, files: KernelFiles = kernelFiles): number | null => {
  try {
    const text = files.read(file).trim();
    return /^-?\d+$/.test(text) ? Number(text) : null;
  } catch {
    // A module that is not loaded, or another system.
    return null;
  }
};

/** As sysctl writes it. */
const nameOf = (file: string): string =>
  file.startsWith('/proc/sys/') ? file.slice('/proc/sys/'.length).replaceAll('/', '.') : file;

const reason = ({ code, message }: NodeJS.ErrnoException): string => {
  if (code === 'EROFS') return 'it is read-only here';
  if (code === 'EACCES' || code === 'EPERM')
    return 'it may not be written from here (a network namespace, or no privileges)';
  return code === 'ENOENT' ? 'there is no such setting (is the kernel module loaded?)' : message;
};
