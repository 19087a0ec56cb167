import { rmSync, writeFileSync } from 'node:fs';

/** Writes this process's number to a file, which goes when the process ends; '' is no file. Throws the system's error. */
export const writePidfile = (file: string): void => {
  if (file === '') return;
  writeFileSync(file, `${process.pid}\n`);
  process.once('exit', () => rmSync(file, { force: true }));
};
