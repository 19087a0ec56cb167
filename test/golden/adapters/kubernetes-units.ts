/** Tables about the parts of the kubernetes plugin: the name grammar, endpoint names, exposed Namespaces, changes, candidates. */
import { isWithin, labelsOf, type Name, NameError, nameFromText, wireNameFromText } from '#dns/name.ts';
import { rrTypeNumber } from '#dns/registry/rr-types.ts';
import { serviceDifference } from '#kube/index/differences.ts';
import { parseRequest } from '#kube/name-grammar.ts';
import type { Service } from '#kube/objects/service.ts';
import { setupPlugin, testQuery, testServices } from '#plugin/testing.ts';
import { askOf } from '#plugins/kubernetes/ask.ts';
import { type Backend, isExposed } from '#plugins/kubernetes/backend.ts';
import { findCandidates } from '#plugins/kubernetes/candidates.ts';
import { endpointName } from '#plugins/kubernetes/endpoint-name.ts';
import kubernetes from '#plugins/kubernetes/index.ts';
import type { KubernetesInstance } from '#plugins/kubernetes/instance.ts';
import { SharedCluster } from '#plugins/kubernetes/shared-cluster.ts';
import { type Manifest, TestSource } from '#plugins/kubernetes/testing/bench.ts';
import { portOf, serviceOf } from '#test/kube-objects.ts';
import type { Adapter, Outcome } from '../adapter.ts';

type Row = Readonly<Record<string, unknown>>;
/** Found and expected of one row, or the reason why the row is passed over. */
type Check = (row: Row) => readonly [found: unknown, expected: unknown] | string;

const MULTICLUSTER = 'needs the multicluster option, which is not built yet';
const ZONAL = 'needs the zonal option, which is not built yet';
const EMPTY_LABEL = 'the name has an empty label, which no message can carry';

/** The last labels of a name, as many as the zone of these tests has. */
const zoneOf = (name: Name): Name => {
  const labels = labelsOf(name);
  return nameFromText(labels.slice(-3).join('.'));
};

const checkParse: Check = ({ query, expected, multicluster, zone }) => {
  if (multicluster) return MULTICLUSTER;
  if (zone !== '') return ZONAL;
  try {
    wireNameFromText(query as string);
  } catch (error) {
    if (error instanceof NameError) return EMPTY_LABEL;
    throw error;
  }
  const name = nameFromText(query as string);
  const request = parseRequest(name, zoneOf(name));
  if (request === null) return [null, expected];
  const { port, protocol, endpoint, service, namespace, kind } = request;
  return [[port, protocol, endpoint, '', service, namespace, kind].join('.'), expected];
};

const checkInvalid: Check = (text) => {
  const name = nameFromText(text as unknown as string);
  return [parseRequest(name, zoneOf(name)), null];
};

/** What the metadata plugin would publish is what the grammar reads. */
const checkMetadata: Check = ({ Qname, Md }) => {
  const expected = Md as Row;
  if ('kubernetes/cluster' in expected) return MULTICLUSTER;
  const name = nameFromText(Qname as string);
  const zone = nameFromText('cluster.local');
  if (!isWithin(name, zone)) return [{}, expected];
  const request = parseRequest(name, zone);
  if (request === null) return [{ 'kubernetes/parse-error': 'invalid query name' }, expected];
  return [
    {
      'kubernetes/endpoint': request.endpoint,
      'kubernetes/kind': request.kind,
      'kubernetes/namespace': request.namespace,
      'kubernetes/port-name': request.port,
      'kubernetes/protocol': request.protocol,
      'kubernetes/service': request.service,
    },
    expected,
  ];
};

/** A Service as the Go table writes it. */
interface GoService {
  readonly Name: string;
  readonly Namespace: string;
  readonly ClusterIPs: readonly string[];
  readonly ExternalName: string;
  readonly ExternalIPs: readonly string[];
  readonly Ports: readonly { readonly Name: string; readonly Protocol: string; readonly Port: number }[];
}

const serviceFrom = (go: GoService | null): Service | null =>
  go &&
  serviceOf({
    namespace: go.Namespace,
    name: go.Name,
    clusterIPs: go.ClusterIPs,
    externalName: go.ExternalName,
    ports: go.Ports.map(({ Name, Protocol, Port }) => portOf(Port, { name: Name, protocol: Protocol })),
    externalIPs: go.ExternalIPs,
  });

const checkModified: Check = ({ oldSvc, newSvc, ichanged, echanged }) => [
  serviceDifference(serviceFrom(oldSvc as GoService | null), serviceFrom(newSvc as GoService | null)),
  { internal: ichanged, external: echanged },
];

const checkEndpointName: Check = ({ ip, hostname, podName, endpointNameMode, expected }) => [
  endpointName(
    { text: ip as string, hostname: hostname as string, targetName: podName as string },
    endpointNameMode as boolean,
  ),
  expected,
];

const backendOf = (stanza: string, manifests: readonly Manifest[]): Backend => {
  const services = testServices();
  const { instance } = setupPlugin(kubernetes, stanza, { services });
  const cluster = new SharedCluster('golden', new TestSource(manifests), services);
  return { options: (instance as KubernetesInstance).options, cluster, ownAddresses: [] };
};

const namespace = (name: string): Manifest => ({ kind: 'Namespace', metadata: { name } });

const checkExposed: Check = ({ kubernetesNamespaces, testNamespace, expected }) => {
  const exposed = Object.keys(kubernetesNamespaces as Row);
  const stanza = `kubernetes cluster.local {\n${exposed.length > 0 ? `namespaces ${exposed.join(' ')}` : ''}\n}`;
  return [isExposed(backendOf(stanza, [namespace('foobar')]), testNamespace as string), expected];
};

const testService = (name: string, spec: Row): Manifest => ({
  kind: 'Service',
  metadata: { name, namespace: 'testns' },
  spec: { ports: [{ name: 'http', protocol: 'TCP', port: 80 }], ...spec },
});

const testSlice = (service: string, endpoint: Row): Manifest => ({
  kind: 'EndpointSlice',
  metadata: {
    name: `${service}-slice1`,
    namespace: 'testns',
    labels: { 'kubernetes.io/service-name': service },
  },
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  endpoints: [endpoint],
});

/** The objects that the table of candidates was made with; they stand in the Go test, not in the table. */
const CANDIDATE_OBJECTS: readonly Manifest[] = [
  namespace('testns'),
  testService('svc1', { clusterIPs: ['10.0.0.1'] }),
  testService('svc-dual-stack', { clusterIPs: ['10.0.0.2', '10::2'] }),
  testService('hdls1', { clusterIPs: ['None'], ports: [] }),
  testService('external', { type: 'ExternalName', externalName: 'coredns.io' }),
  testSlice('svc1', { addresses: ['172.0.0.1'], hostname: 'ep1a' }),
  testSlice('hdls1', { addresses: ['172.0.0.2'] }),
];

const checkCandidates: Check = ({ qname, qtype, answer }) => {
  if ((qname as string).includes('.clusterset.test.')) return MULTICLUSTER;
  const zone = nameFromText('interwebs.test');
  const query = testQuery(qname as string, qtype as string);
  if (query.type !== rrTypeNumber(qtype as string)) throw new Error(`no type ${qtype}`);
  const candidates = findCandidates(backendOf('kubernetes interwebs.test', CANDIDATE_OBJECTS), askOf(query, zone));
  const found = candidates?.map(({ host, kind, namespace: within, owner, endpoint }) => ({
    host,
    key: `/c/test/interwebs/${kind}/${within}/${owner}${endpoint === '' ? '' : `/${endpoint}`}`,
  }));
  return [found, answer];
};

const CHECKS: Readonly<Record<string, Check>> = {
  'kubernetes-parse-request.json': checkParse,
  'kubernetes-parse-request-invalid.json': checkInvalid,
  'kubernetes-metadata.json': checkMetadata,
  'kubernetes-service-modified.json': checkModified,
  'kubernetes-endpoint-hostname.json': checkEndpointName,
  'kubernetes-namespace-exposed.json': checkExposed,
  'kubernetes-services.json': checkCandidates,
};

/** JSON with sorted keys: the order of fields means nothing. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

const replayRow = (name: string, check: Check, row: Row): Outcome => {
  const checked = check(row);
  if (typeof checked === 'string') return { name, result: 'not-applicable', reason: checked };
  const [found, expected] = checked.map(canonical);
  return found === expected
    ? { name, result: 'pass' }
    : { name, result: 'fail', reason: `found ${found}, expected ${expected}` };
};

const adapter: Adapter = {
  files: Object.keys(CHECKS),
  replay: async (file, data) =>
    (data as { readonly cases: readonly Row[] }).cases.map((row, i) =>
      replayRow(`${file}: ${i}: ${JSON.stringify(row)}`, CHECKS[file] as Check, row),
    ),
};
export default adapter;
