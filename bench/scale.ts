// What clusters of 100 to 15,000 nodes need: a model of measured constants, and the measuring of them.
//
//   node bench/run.mjs scale                         writes the tables of docs/scale.md again
//   node bench/run.mjs scale print --nodes 300 --pods-per-node 50 --cluster-services 800 --lookups 2   prints them for a cluster of one's own
//   node bench/run.mjs scale measure --testbed DIR   measures the constants: bench/scale/measured.json. Needs root, nft, unshare and the test bed, built
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Cluster } from './load/cluster.ts';
import { freePorts } from './load/ports.ts';
import { measureAll } from './scale/measure.ts';
import { MEASURED_FILE, readMeasured, writeMeasured } from './scale/measured.ts';
import { PAGE_FILE, withTables } from './scale/page.ts';
import { readQueryCosts } from './scale/query-costs.ts';
import { clusterOf, SIZES } from './scale/sizes.ts';
import { tablesOf } from './scale/tables.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    testbed: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    services: { type: 'string', default: '1000,5000,15000' },
    pods: { type: 'string', default: '10000' },
    watchers: { type: 'string', default: '50,200' },
    replicas: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '8' },
    out: { type: 'string', default: MEASURED_FILE },
    nodes: { type: 'string', default: '300' },
    'pods-per-node': { type: 'string', default: '30' },
    'cluster-services': { type: 'string', default: '1000' },
    lookups: { type: 'string', default: '0.5' },
    /** Of ours: already in the namespace. */
    inside: { type: 'boolean', default: false },
  },
});

// Each process that is measured ends with this one.
process.setMaxListeners(0);

const numbers = (text: string): readonly number[] => text.split(',').filter(Boolean).map(Number);

/** The same again in a network namespace of its own: the proxy's rules must be nobody else's. */
const goInside = (): number => {
  const again = [process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2), '--inside'];
  return spawnSync('unshare', ['--net', ...again], { stdio: 'inherit' }).status ?? 1;
};

const measure = async (testbed: string): Promise<void> => {
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-scale-'));
  const replicas = Number(values.replicas);
  const port = await freePorts(16_000, 4 + 3 * replicas);
  const allCpus = `0-${cpus().length - 1}`;
  try {
    const measured = await measureAll({
      startCluster: async (etcd) => {
        if (etcd === 'new') process.env.MINI_ETCD = join(testbed, 'bin/etcd36');
        else delete process.env.MINI_ETCD;
        return await Cluster.start({ testbed, port, folder: mkdtempSync(join(folder, etcd)), cpu: allCpus, allCpus });
      },
      place: ({ kubeconfig }) => ({ program: resolve(values.program), folder, kubeconfig, port: port + 4 }),
      httpsOf: () => `https://127.0.0.1:${port}`,
      services: numbers(values.services),
      pods: Number(values.pods),
      watchers: numbers(values.watchers),
      replicas,
      churnSeconds: Number(values.seconds),
      say: (line) => console.log(line),
    });
    writeMeasured(measured, values.out);
    console.log(`written to ${values.out}; now: node bench/run.mjs scale`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const [verb = 'tables'] = positionals;
if (verb === 'measure') {
  if (values.testbed === undefined) throw new Error('needs --testbed DIR');
  if (process.getuid?.() !== 0) throw new Error('needs root');
  if (values.inside) await measure(resolve(values.testbed));
  else process.exitCode = goInside();
} else if (verb === 'print') {
  const { nodes, 'pods-per-node': pods, 'cluster-services': services, lookups } = values;
  const cluster = clusterOf(Number(nodes), Number(pods), Number(services), Number(lookups));
  const tables = tablesOf([cluster], { measured: readMeasured(), queries: readQueryCosts() });
  for (const name of ['clusters', 'settings', 'queries', 'watches', 'restart', 'memory', 'proxy'])
    console.log(`${tables[name]}\n`);
} else if (verb === 'tables') {
  const tables = tablesOf(SIZES, { measured: readMeasured(), queries: readQueryCosts() });
  writeFileSync(PAGE_FILE, withTables(readFileSync(PAGE_FILE, 'utf8'), tables));
  console.log(`${PAGE_FILE} has the tables of ${MEASURED_FILE}`);
} else throw new Error(`scale ${verb}: there are tables (the default), print and measure`);
