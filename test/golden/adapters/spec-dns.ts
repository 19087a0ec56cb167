/** The Kubernetes DNS specification's suites, over sockets, the cluster given as a directory of manifests. */
import type { TestServer } from '#test/server.ts';
import type { Adapter, Outcome } from '../adapter.ts';
import { replayQuestion, withServers } from '../replay-question.ts';

interface Row {
  readonly qname: string;
  readonly qtype: string;
  readonly rcode: string;
  readonly answer: readonly string[];
  readonly additional?: readonly string[];
  readonly transports?: readonly ('udp' | 'tcp')[];
  readonly note?: string;
  readonly coredns_1_14_7: {
    readonly rcode: string;
    readonly flags: readonly string[];
    readonly answer: readonly string[];
    readonly authority: readonly string[];
    readonly additional: readonly string[];
  };
}

interface Suite {
  readonly fixture: { readonly objects: readonly unknown[]; readonly corefile: string };
  readonly cases: readonly Row[];
}

/** The specification's own sections first, then all that CoreDNS gave; it was asked over UDP, where a reply may have been cut. */
const replayRow = (servers: readonly TestServer[], file: string, row: Row): Promise<Outcome> => {
  const { rcode, answer, additional, coredns_1_14_7: recorded } = row;
  const flags = recorded.flags.filter((flag) => flag !== 'tc');
  const isCut = flags.length < recorded.flags.length;
  return replayQuestion(
    servers,
    file,
    row,
    { rcode, answer, ...(additional && { additional }) },
    isCut ? { rcode: recorded.rcode, flags } : { ...recorded, flags },
  );
};

const adapter: Adapter = {
  files: [
    'dual-stack',
    'e2e-dns',
    'endpoint-pod-names',
    'pods-disabled',
    'pods-insecure',
    'pods-verified',
    'seeds',
    'spec-2.2-version-and-2.3-clusterip-v4',
    'spec-2.3-clusterip-v6',
    'spec-2.4-headless-no-ready',
    'spec-2.4-headless-v4',
    'spec-2.4-headless-v6',
    'spec-2.5-externalname',
    'multi-slice-duplicates',
  ].map((suite) => `spec/${suite}.json`),
  replay: async (file, data) => {
    const { fixture, cases } = data as Suite;
    const options = { corefile: fixture.corefile.replace(':53 {', ' {'), objects: fixture.objects };
    return withServers(options, async (servers) => {
      const outcomes: Outcome[] = [];
      for (const row of cases) outcomes.push(await replayRow(servers, file, row));
      return outcomes;
    });
  },
};
export default adapter;
