// The same random queries to CoreDNS and to this server, over the same API server and upstream: what differs, by kind.
//
//   node bench/run.mjs compare --coredns PATH --testbed DIR [--queries 10000] [--seed 1] [--only pods-verified]
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { decodeMessage, WireFault } from '#dns/decode.ts';
import { exchangeTcp, exchangeUdp } from '#test/dns-client.ts';
import { createObjects } from './compare/cluster-objects.ts';
import { COREFILES, isCached } from './compare/corefiles.ts';
import { type Difference, differingParts, type Outcome } from './compare/difference.ts';
import { explain, rowsMissingFrom } from './compare/listed.ts';
import { type ComparedQuery, QueryMaker } from './compare/queries.ts';
import { Random } from './compare/random.ts';
import { report } from './compare/report.ts';
import { openUpstream } from './compare/upstream.ts';
import { Cluster } from './load/cluster.ts';
import { freePorts } from './load/ports.ts';
import { type RunningServer, startServer } from './load/processes.ts';
import { COREDNS, findServers, OURS, type ServerKind } from './load/servers.ts';

const { values } = parseArgs({
  options: {
    coredns: { type: 'string' },
    testbed: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    queries: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});
if (values.coredns === undefined || values.testbed === undefined)
  throw new Error('needs --coredns PATH and --testbed DIR');
const missing = rowsMissingFrom(readFileSync('docs/differences.md', 'utf8'));
if (missing.length > 0) throw new Error(`docs/differences.md has no row for: ${missing.join('; ')}`);
const names = values.only === undefined ? Object.keys(COREFILES) : values.only.split(',');
const queries = Number(values.queries);
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-compare-'));

const found = findServers({
  ...{ coredns: resolve(values.coredns), program: resolve(values.program) },
  ...{ more: [], echo: '', echoScript: '' },
}).filter((each): each is ServerKind => !('absent' in each));
const kinds = [OURS, COREDNS].map((name) => found.find((kind) => kind.name === name) as ServerKind);

/** Longer than any of both takes, and than a query to an upstream may; whoever is silent for so long will stay silent. */
const PATIENCE_MS = 3000;
/** Queries under way at each of the two; with a cache one, so that what is first is first for both. */
const lanesOf = (name: string): number => (isCached(name) ? 1 : 16);

const outcomeOf = async (port: number, { bytes, transport }: ComparedQuery): Promise<Outcome> => {
  const endpoint = { address: '127.0.0.1', port };
  const once = (): Promise<Buffer | null> =>
    transport === 'tcp'
      ? exchangeTcp(endpoint, bytes).catch(() => null)
      : exchangeUdp(endpoint, bytes, PATIENCE_MS).catch(() => null);
  const isReply = (octets: Buffer | null): boolean =>
    octets !== null && octets.length > 1 && octets.readUInt16BE(0) === bytes.readUInt16BE(0);
  // On a busy machine a datagram may be lost, or come from somebody else who was given this port before.
  const first = await once();
  const reply = isReply(first) ? first : await once();
  if (reply === null) return 'no reply';
  const message = decodeMessage(reply);
  return message instanceof WireFault ? 'not a message' : message;
};

const compareAll = async (
  name: string,
  asked: readonly ComparedQuery[],
  [ours, theirs]: readonly number[],
): Promise<Difference[]> => {
  const differences: Difference[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let query = asked[next++]; query !== undefined; query = asked[next++]) {
      const [a, b] = await Promise.all([outcomeOf(ours as number, query), outcomeOf(theirs as number, query)]);
      const parts = differingParts(a, b, query, !isCached(name));
      if (parts.length > 0) differences.push({ corefile: name, query, ours: a, theirs: b, parts });
    }
  };
  await Promise.all(Array.from({ length: lanesOf(name) }, lane));
  return differences;
};

const main = async (): Promise<boolean> => {
  const upstream = await openUpstream();
  const firstPort = await freePorts(30_300, 4 + names.length * kinds.length);
  const cluster = await Cluster.start({
    testbed: resolve(values.testbed as string),
    port: firstPort,
    folder,
    cpu: 0,
    allCpus: '0',
  });
  // Ctrl-C ends the servers with this process; the API server is detached and has to be asked.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void cluster.stop().finally(() => process.exit(130)));
  const running: RunningServer[] = [];
  try {
    await createObjects(firstPort + 1);
    const maker = new QueryMaker(new Random(seed));
    const differences: Difference[] = [];
    for (const [i, name] of names.entries()) {
      const ports = kinds.map((_, k) => firstPort + 4 + i * kinds.length + k);
      for (const [k, kind] of kinds.entries()) {
        const port = ports[k] as number;
        const place = {
          port,
          upstreamPort: upstream.port,
          folder: join(folder, `${i}-${k}`),
          services: 1,
          kubeconfig: cluster.kubeconfig,
        };
        mkdirSync(place.folder);
        const text = (COREFILES[name] as (typeof COREFILES)[string])({
          port,
          kubeconfig: cluster.kubeconfig,
          upstream: upstream.address,
        });
        running.push(await startServer({ ...kind, files: () => ({ Corefile: text }) }, place, 0));
      }
      const share = Math.floor(queries / names.length) + (i < queries % names.length ? 1 : 0);
      const asked = Array.from({ length: share }, () => maker.next());
      const some = await compareAll(name, asked, ports);
      console.log(`${name}: ${share} queries, ${some.length} replies differ`);
      differences.push(...some);
      await Promise.all(running.splice(0).map((server) => server.stop()));
    }
    console.log(`\nseed ${seed}, ${queries} queries to ${kinds.map(({ version }) => version).join(' and to ')}\n`);
    return report(
      differences.map((difference) => ({ ...difference, rows: explain(difference) })),
      values.all,
    );
  } finally {
    await Promise.all(running.map((server) => server.stop()));
    await cluster.stop();
    await upstream.close();
  }
};

try {
  if (!(await main())) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
