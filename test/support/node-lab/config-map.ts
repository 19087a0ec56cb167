import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let swaps = 0;

/**
 * Has a directory show these files as the kubelet does with a ConfigMap: `..data` is a link to a directory of this version, each file a link
 * into it, and a change is one rename of `..data`.
 */
export const writeConfigMap = (directory: string, files: Readonly<Record<string, string>>): void => {
  mkdirSync(directory, { recursive: true });
  const version = `..2026_11_21_${process.pid}_${++swaps}`;
  mkdirSync(join(directory, version));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, version, name), text);
  const before = readdirSync(directory).includes('..data') ? readlinkSync(join(directory, '..data')) : null;
  symlinkSync(version, join(directory, '..data_tmp'));
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
  const shown = readdirSync(directory).filter((name) => !name.startsWith('..'));
  for (const name of Object.keys(files))
    if (!shown.includes(name)) symlinkSync(join('..data', name), join(directory, name));
  for (const name of shown) if (!(name in files)) rmSync(join(directory, name));
  if (before !== null) rmSync(join(directory, before), { recursive: true });
};
