// Bundles what runs: one file a door, tree-shaken, so that a start reads little and keeps little in memory. The same tree gives the same
// octets, wherever and whenever it is built (docs/releasing.md).
import { chmodSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { noticesOf, packagesIn } from './release/bundled.mjs';
import { revision } from './release/revision.mjs';

/**
 * Of client-node only KubeConfig is used. Its generated API client and its fetch are reached by nothing that runs, and cost 1 MB of bundle and 11 MB of
 * resident memory; they are replaced by nothing.
 */
const leanClientNode = {
  name: 'lean-client-node',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/gen\/index\.js$/ }, ({ importer }) =>
      /client-node[\\/]dist[\\/]config\.js$/.test(importer) ? { path: 'gen', namespace: 'unused' } : null,
    );
    onResolve({ filter: /^node-fetch$/ }, ({ importer }) =>
      /client-node[\\/]/.test(importer) ? { path: 'node-fetch', namespace: 'unused' } : null,
    );
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({
      contents: 'export const createConfiguration = undefined, ServerConfiguration = undefined, Headers = undefined;',
    }));
  },
};

// Aside, and then in place of the last one: whoever runs that meanwhile misses a file for a moment at most.
const [next, last] = [`dist.${process.pid}`, `dist.${process.pid}.last`];
const { metafile } = await build({
  entryPoints: {
    'cluster-dns': 'src/cli/start.ts',
    'listener-thread': 'src/server/listeners/batch/thread.ts',
    plugin: 'src/plugin/index.ts',
  },
  // It brings binaries, which it looks for beside itself.
  external: ['koffi'],
  outdir: next,
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: true,
  metafile: true,
  // Their texts are in third-party-notices.txt.
  legalComments: 'none',
  // Paths in maps and comments are those of the checkout, even if its node_modules are elsewhere.
  preserveSymlinks: true,
  define: { CLUSTER_DNS_REVISION: JSON.stringify(revision()) },
  // CommonJS packages in an ES module bundle still call require.
  banner: {
    js: "import { createRequire as createRequireForBundle } from 'node:module'; const require = createRequireForBundle(import.meta.url);",
  },
  plugins: [leanClientNode],
  logLevel: 'warning',
});
const packages = packagesIn(metafile);
writeFileSync(
  `${next}/third-party.json`,
  `${JSON.stringify(
    packages.map(({ name, version, license }) => ({ name, version, license })),
    null,
    2,
  )}\n`,
);
writeFileSync(`${next}/third-party-notices.txt`, noticesOf(packages));
chmodSync(`${next}/cluster-dns.js`, 0o755);
try {
  renameSync('dist', last);
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
renameSync(next, 'dist');
rmSync(last, { recursive: true, force: true });
