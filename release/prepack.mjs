// What a package needs besides the bundle: the types of the plugin door, and modes that are the same whatever the umask was.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const TYPES = 'dist/types';

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));

execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'release'], { stdio: 'inherit' });
for (const file of filesBelow(TYPES)) {
  // Rooms (`#dns/name.ts`) are this project's own, and a declaration has no `.ts` beside it.
  const text = readFileSync(file, 'utf8').replace(/(from '|import\(")([#.][^'"]*)\.ts(?=['"])/g, (_, before, path) => {
    const place = path.startsWith('#') ? relative(dirname(file), join(TYPES, path.slice(1))) : path;
    return `${before}${place.startsWith('.') ? place : `./${place}`}.js`;
  });
  writeFileSync(file, text);
}

// npm packs modes as they are, and git leaves them to the umask.
const [{ files }] = JSON.parse(
  execFileSync(process.execPath, [process.env.npm_execpath, 'pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }),
);
for (const { path } of files) chmodSync(path, statSync(path).mode & 0o100 ? 0o755 : 0o644);
