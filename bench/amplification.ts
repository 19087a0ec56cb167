// What a query costs and what comes back, for each kind of name and each size that a client may say it takes: octets of query and of
// reply, their factor, TC. Beside CoreDNS's where its binary is given; then it ends with 1 where a reply of ours is larger.
//
//   node bench/run.mjs amplification [--coredns PATH] [--with "bufsize 1232"]...
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FLAG } from '#dns/decode.ts';
import { addressRecord } from '#dns/record.ts';
import { ask, type Endpoint, encodeQuery, exchangeUdp } from '#test/dns-client.ts';
import { FakeApiServer, NAMESPACES, SERVICES, SLICES } from '#test/fake-api-server.ts';
import { FakeUpstream } from '#test/fake-upstream.ts';
import { freePort } from '#test/process.ts';
import { until } from '#test/until.ts';
import { end } from './load/processes.ts';

const { values } = parseArgs({
  options: {
    coredns: { type: 'string' },
    program: { type: 'string', default: 'dist/cluster-dns.js' },
    with: { type: 'string', multiple: true, default: [] },
  },
});

const ENDPOINTS = 100;
const BIG_ANSWERS = 200;
const SVC = 'default.svc.cluster.local.';
const BIG = `big.${SVC}`;
const QUESTIONS: readonly (readonly [what: string, name: string, type: string])[] = [
  ['Service', `one.${SVC}`, 'A'],
  ['Service', `one.${SVC}`, 'AAAA'],
  ['Service', `one.${SVC}`, 'SRV'],
  ['Service', `one.${SVC}`, 'ANY'],
  ['Service', `one.${SVC}`, 'TXT'],
  ['headless, 100 endpoints', BIG, 'A'],
  ['headless, 100 endpoints', BIG, 'AAAA'],
  ['headless, 100 endpoints', BIG, 'SRV'],
  ['headless, 100 endpoints', BIG, 'ANY'],
  ['headless, 100 endpoints', `_http._tcp.${BIG}`, 'SRV'],
  ['no such Service', `none.${SVC}`, 'A'],
  ['the zone', 'cluster.local.', 'SOA'],
  ['the zone', 'cluster.local.', 'NS'],
  ['the zone', 'cluster.local.', 'ANY'],
  ['the zone', 'dns-version.cluster.local.', 'TXT'],
  ['an address', '10.0.96.10.in-addr.arpa.', 'PTR'],
  ['external', 'small.example.org.', 'A'],
  ['external, 200 addresses', 'large.example.org.', 'A'],
  ['external, 200 addresses', 'large.example.org.', 'ANY'],
];
/** What clients say: nothing, a size, a size and DO. */
const SIZES: readonly (readonly [title: string, udpSize?: number, isDnssecOk?: boolean])[] = [
  ['no EDNS'],
  ['512', 512],
  ['1232', 1232],
  ['4096', 4096],
  ['65535', 65_535],
  ['65535 DO', 65_535, true],
];

const cluster = async (): Promise<FakeApiServer> => {
  const api = new FakeApiServer();
  await api.start();
  const metadata = (name: string) => ({ name, namespace: 'default', uid: name });
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  api.put(NAMESPACES, {
    ...{ apiVersion: 'v1', kind: 'Namespace' },
    metadata: { name: 'default', uid: 'default' },
  });
  api.put(SERVICES, {
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: metadata('one'),
    spec: { type: 'ClusterIP', clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports },
  });
  api.put(SERVICES, {
    ...{ apiVersion: 'v1', kind: 'Service' },
    metadata: metadata('big'),
    spec: { type: 'ClusterIP', clusterIP: 'None', clusterIPs: ['None'], ports },
  });
  api.put(SLICES, {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
    metadata: { ...metadata('big'), labels: { 'kubernetes.io/service-name': 'big' } },
    addressType: 'IPv4',
    ports,
    endpoints: Array.from({ length: ENDPOINTS }, (_, i) => ({
      addresses: [`10.244.1.${i + 1}`],
      conditions: { ready: true },
    })),
  });
  return api;
};

const openUpstream = (): Promise<FakeUpstream> =>
  FakeUpstream.open(({ message, reply }) => {
    const [question] = message.questions;
    if (question === undefined) return;
    const count = question.name.startsWith('\x05large') ? BIG_ANSWERS : 1;
    // As a resolver would: what does not fit is cut.
    const fits = Math.floor((Math.max(512, message.edns?.udpSize ?? 0) - 80) / 16);
    const sent = Math.min(count, fits);
    reply({
      flags: FLAG.RD | FLAG.RA | (sent < count ? FLAG.TC : 0),
      answer: Array.from({ length: sent }, (_, i) => addressRecord(question.name, 300, Uint8Array.of(192, 0, 2, i))),
    });
  });

const folder = mkdtempSync(join(tmpdir(), 'cluster-dns-amplification-'));
const api = await cluster();
const upstream = await openUpstream();
const kubeconfig = join(folder, 'kubeconfig');
writeFileSync(
  kubeconfig,
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server: api.url } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    users: [{ name: 'a', user: {} }],
  }),
);

interface Running {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly child: ChildProcess;
}

const children: ChildProcess[] = [];

/** `more`: lines of its own. */
const start = async (
  name: string,
  command: string,
  args: readonly string[],
  more: readonly string[],
): Promise<Running> => {
  const port = await freePort();
  const file = join(folder, name);
  writeFileSync(
    file,
    `.:${port} {
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        kubeconfig ${kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    forward . ${upstream.address}
    cache 30
${more.map((line) => `    ${line}\n`).join('')}}
`,
  );
  const child = spawn(command, [...args, '-conf', file], { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  const endpoint = { address: '127.0.0.1', port };
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
      return ask(endpoint, `one.${SVC}`, 'A', { timeoutMs: 100 }).then(
        ({ answer }) => answer.length === 1,
        () => false,
      );
    },
    `${name} answers`,
    10_000,
  );
  return { name, endpoint, child };
};

interface Measured {
  readonly octets: number;
  readonly isCut: boolean;
}

const measure = async ({ endpoint }: Running, query: Buffer): Promise<Measured> => {
  const reply = await exchangeUdp(endpoint, query, 300);
  return { octets: reply?.length ?? 0, isCut: reply !== null && (reply.readUInt16BE(2) & FLAG.TC) !== 0 };
};

const servers: Running[] = [];
try {
  servers.push(await start('ours', process.execPath, [values.program], values.with));
  if (values.coredns !== undefined) servers.push(await start('CoreDNS', values.coredns, [], values.with));
  const titles = servers.map(({ name }) => `${name.padStart(7)} factor TC`).join('  ');
  console.log(`${'question'.padEnd(36)} ${'size'.padEnd(9)} query  ${titles}`);
  let larger = 0;
  let most = 0;
  for (const [what, name, type] of QUESTIONS)
    for (const [title, udpSize, isDnssecOk] of SIZES) {
      const query = encodeQuery(name, type, {
        ...(udpSize === undefined ? {} : { udpSize }),
        isDnssecOk: isDnssecOk ?? false,
      });
      const replies: Measured[] = [];
      // The second time: as from a cache.
      for (const server of servers) {
        await measure(server, query);
        replies.push(await measure(server, query));
      }
      const [ours, theirs] = replies as [Measured, Measured | undefined];
      most = Math.max(most, ours.octets / query.length);
      const isLarger = theirs !== undefined && ours.octets > theirs.octets;
      if (isLarger) larger++;
      const cells = replies.map(
        ({ octets, isCut }) =>
          `${String(octets).padStart(7)} ${(octets / query.length).toFixed(1).padStart(6)} ${isCut ? 'TC' : '  '}`,
      );
      const question = `${type} ${what}`;
      console.log(
        `${question.padEnd(36)} ${title.padEnd(9)} ${String(query.length).padStart(5)}  ${cells.join('  ')}${isLarger ? '  LARGER' : ''}`,
      );
    }
  console.log(
    `largest factor of ours: ${most.toFixed(1)}${values.coredns === undefined ? '' : `; larger than CoreDNS's: ${larger}`}`,
  );
  process.exitCode = larger > 0 ? 1 : 0;
} finally {
  for (const child of children) await end(child);
  await upstream.close();
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
}
