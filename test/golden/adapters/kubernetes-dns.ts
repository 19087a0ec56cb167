/** Cluster names asked over sockets: the tables of CoreDNS's own tests, and answers recorded from its binary. */
import { networkInterfaces } from 'node:os';
import { ask } from '#test/dns-client.ts';
import { FakeApiServer, type FakeObject, NAMESPACES, PODS, SERVICES, SLICES } from '#test/fake-api-server.ts';
import type { TestServer } from '#test/server.ts';
import type { Adapter, Outcome } from '../adapter.ts';
import { differenceFrom, type ExpectedReply } from '../compare.ts';
import { replayQuestion, withServers } from '../replay-question.ts';

/** A reply as these files write it: `ns` is the authority section, `extra` the additional one. */
interface RecordedReply {
  readonly rcode: string;
  readonly flags?: readonly string[];
  readonly answer: readonly string[];
  readonly ns: readonly string[];
  readonly extra: readonly string[];
}

interface Row extends RecordedReply {
  readonly qname: string;
  readonly qtype: string;
  /** What CoreDNS really answered; where it differs from the row's own expectation, that is stale. */
  readonly live?: RecordedReply;
}

const LISTS = { namespaces: NAMESPACES, services: SERVICES, endpointSlices: SLICES, pods: PODS } as const;

interface Suite {
  readonly fixture: Readonly<Partial<Record<keyof typeof LISTS, readonly FakeObject[]>>>;
  readonly corefile: string;
  readonly live_corefile?: string;
  readonly precondition?: string;
  readonly cases: readonly Row[];
}

/** An API server with the suite's objects; it never finishes its list of EndpointSlices where the suite is about that. */
const startApi = async (suite: Suite): Promise<FakeApiServer> => {
  const api = new FakeApiServer();
  for (const list of Object.keys(LISTS) as (keyof typeof LISTS)[])
    for (const object of suite.fixture[list] ?? []) api.put(LISTS[list], object);
  if (suite.precondition !== undefined)
    api.always(
      ({ path }) => path === SLICES,
      () => true,
    );
  await api.start();
  return api;
};

/** Runs servers with the suite's Corefile on free ports, their cluster behind an API server. */
const withCluster = async (
  suite: Suite,
  replay: (servers: readonly TestServer[]) => Promise<Outcome[]>,
): Promise<Outcome[]> => {
  const api = await startApi(suite);
  try {
    const corefile = withEndpoint(withoutPorts(suite.live_corefile ?? suite.corefile)).replaceAll('@API@', api.url);
    return await withServers({ corefile }, replay);
  } finally {
    await api.stop();
  }
};

/** Keys without their port, which the test server chooses, and without addresses to bind. */
const withoutPorts = (corefile: string): string =>
  corefile.replace(/:(?:53|@PORT@)(?=[\s,{])/g, '').replace(/^\s*bind .*$/gm, '');

/** Gives a kubernetes block that has none an `endpoint`. */
const withEndpoint = (corefile: string): string => {
  if (corefile.includes('@API@')) return corefile;
  return /kubernetes[^\n]*\{/.test(corefile)
    ? corefile.replace(/(kubernetes[^\n]*\{)/, '$1\n endpoint @API@')
    : corefile.replace(/(kubernetes[^\n]*)/, '$1 {\n endpoint @API@\n }');
};

const expectedOf = (row: Row): ExpectedReply => {
  const { rcode, flags, answer, ns, extra } = row.live ?? row;
  return { rcode, ...(flags && { flags }), answer, authority: ns, additional: extra };
};

const replaySuite = (file: string, suite: Suite): Promise<Outcome[]> =>
  withCluster(suite, async (servers) => {
    const outcomes: Outcome[] = [];
    for (const row of suite.cases) outcomes.push(await replayQuestion(servers, file, row, expectedOf(row)));
    return outcomes;
  });

/** A row of kubernetes-ns-addrs.json: `records` are `name TYPE address` of each name server. */
interface OwnServiceRow {
  readonly call: string;
  readonly zone: string;
  readonly records: readonly string[];
}

const EXAMPLE_ADDRESS = '10.244.0.20';

/** The Services in front of the server itself: the fixture's endpoint address becomes one of this machine's. */
const replayOwnServices = async (file: string, suite: Suite): Promise<Outcome[]> => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal)?.address;
  const rows = suite.cases as unknown as readonly OwnServiceRow[];
  if (own === undefined)
    return rows.map(({ call }) => ({
      name: `${file}: ${call}`,
      result: 'not-applicable',
      reason: 'this machine has only loopback addresses',
    }));
  const here = (text: string): string =>
    text.replaceAll(EXAMPLE_ADDRESS, own).replaceAll(EXAMPLE_ADDRESS.replaceAll('.', '-'), own.replaceAll('.', '-'));
  return withCluster(JSON.parse(here(JSON.stringify(suite))) as Suite, (servers) =>
    Promise.all(rows.map((row) => replayOwnService(servers, file, row, here))),
  );
};

const replayOwnService = async (
  servers: readonly TestServer[],
  file: string,
  row: OwnServiceRow,
  here: (text: string) => string,
): Promise<Outcome> => {
  const name = `${file}: ${row.call}`;
  if (row.call.includes('external'))
    return { name, result: 'not-applicable', reason: 'belongs to the k8s_external plugin, which is not built yet' };
  const addresses = row.records.map((record) => here(record).split(' ') as [string, string, string]);
  const expected = {
    rcode: 'NOERROR',
    answer: addresses.map(([target]) => `${row.zone} 5 IN NS ${target}`),
    additional: addresses.map(([target, type, address]) => `${target} 5 IN ${type} ${address}`),
  };
  for (const server of servers) {
    const difference = differenceFrom(expected, await ask(server, row.zone, 'NS'));
    if (difference !== null) return { name, result: 'fail', reason: `${server.udp}: ${difference}` };
  }
  return { name, result: 'pass' };
};

const adapter: Adapter = {
  files: [
    'kubernetes-apex.json',
    'kubernetes-handler.json',
    'kubernetes-handler-case.json',
    'kubernetes-handler-ignore-empty-service.json',
    'kubernetes-handler-namespace.json',
    'kubernetes-handler-notsynced.json',
    'kubernetes-handler-pods-disabled.json',
    'kubernetes-handler-pods-insecure.json',
    'kubernetes-handler-pods-verified.json',
    'kubernetes-reverse.json',
    'kubernetes-zonal-disabled.json',
    'kubernetes-ns-addrs.json',
    'live-kubernetes-endpoint-pod-names.json',
    'live-kubernetes-fallthrough.json',
    'live-kubernetes-ignore-empty-service.json',
    'live-kubernetes-noendpoints.json',
    'live-kubernetes-notsynced.json',
    'live-kubernetes-pods-disabled.json',
    'live-kubernetes-pods-insecure.json',
    'live-kubernetes-probes.json',
    'live-kubernetes-ttl0.json',
    'live-kubernetes-ttl600.json',
  ],
  replay: (file, data) =>
    file === 'kubernetes-ns-addrs.json' ? replayOwnServices(file, data as Suite) : replaySuite(file, data as Suite),
};
export default adapter;
