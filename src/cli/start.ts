#!/usr/bin/env node
// Runs the program. On a Node.js that is too old a file of its own would end with an error about an import, or worse, so it is loaded behind this.
import packageJson from '../../package.json' with { type: 'json' };

const numbers = (version: string): readonly number[] => (version.match(/\d+/g) ?? []).map(Number);
const [major = 0, minor = 0] = numbers(process.versions.node);
const [wantedMajor = 0, wantedMinor = 0] = numbers(packageJson.engines.node);

if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) {
  await import('./main.ts');
} else {
  const wanted = `${wantedMajor}.${wantedMinor}`;
  process.stderr.write(
    `cluster-dns needs Node.js ${wanted} or newer, and this is ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
}
