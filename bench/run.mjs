// Runs one benchmark: node bench/run.mjs NAME [options]. Bundles it first, because Node.js 20 does not run TypeScript.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [name = ''] = process.argv.slice(2);
const entry = [`bench/${name}.ts`, `bench/micro/${name}.ts`].find((path) => existsSync(path));
if (entry === undefined) {
  console.error(`usage: node bench/run.mjs NAME [options]; there is no bench/${name}.ts (bench/README.md lists them)`);
  process.exit(2);
}
const place = mkdtempSync(join(tmpdir(), 'cluster-dns-bench-'));
process.on('exit', () => rmSync(place, { recursive: true, force: true }));
const outfile = join(place, 'bench.mjs');
await build({
  entryPoints: [entry],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
  logLevel: 'warning',
});
process.argv.splice(1, 2, entry);
await import(pathToFileURL(outfile).href);
