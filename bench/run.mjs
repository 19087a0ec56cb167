// Runs one benchmark: node bench/run.mjs NAME [options]. Bundles it first, because Node.js 20 does not run TypeScript.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** What a benchmark starts as processes of their own; it finds them as NAME.mjs beside itself. */
const PROGRAMS = {
  api: ['bench/api/loop-delay.ts'],
  churn: ['bench/api/loop-delay.ts', 'test/server/churn/load.ts'],
  load: ['bench/asker/ask.ts', 'bench/floor/echo.ts'],
  'node-cache': ['bench/node-cache/cluster-dns.ts', 'bench/node-cache/first-answer.ts'],
  proxy: ['bench/proxy/measure.ts', 'bench/proxy/connector.ts', 'bench/proxy/listener.ts'],
  'forward-tcp': ['bench/asker/ask.ts'],
  scale: ['bench/scale/memory-probe.ts'],
  overload: ['bench/asker/ask.ts', 'bench/overload/upstream.ts'],
  prometheus: ['bench/overload/upstream.ts'],
};

const [name = ''] = process.argv.slice(2);
const entry = [`bench/${name}.ts`, `bench/micro/${name}.ts`].find((path) => existsSync(path));
if (entry === undefined) {
  console.error(`usage: node bench/run.mjs NAME [options]; there is no bench/${name}.ts (bench/README.md lists them)`);
  process.exit(2);
}
/** Tools of the tests find their files where they are themselves, also in a bundle. */
const places = {
  name: 'places',
  setup: ({ onLoad }) =>
    onLoad({ filter: /[/\\]test[/\\]support[/\\].*\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8')
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
    })),
};
// Below node_modules, so that koffi, which brings a binary and can't be bundled, is found from there.
const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url));
mkdirSync(cache, { recursive: true });
const place = mkdtempSync(join(cache, 'cluster-dns-bench-'));
process.on('exit', () => rmSync(place, { recursive: true, force: true }));
await build({
  entryPoints: [entry, ...(PROGRAMS[name] ?? [])].map((path) => ({ in: path, out: basename(path, '.ts') })),
  outdir: place,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: ['koffi', 'esbuild'],
  plugins: [places],
  banner: { js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);" },
  logLevel: 'warning',
});
process.argv.splice(1, 2, entry);
await import(pathToFileURL(join(place, `${basename(entry, '.ts')}.mjs`)).href);
