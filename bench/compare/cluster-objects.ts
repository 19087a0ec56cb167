/** A small cluster with every kind of Service that has a name of its own in DNS, and some that no API server would take. */
import type { FakeObject } from '#test/fake-api-server.ts';

/** An object, and the collection it is posted to. */
export interface Posted {
  readonly path: string;
  readonly object: FakeObject;
}

interface Endpoint {
  readonly ip: string;
  readonly hostname?: string;
  readonly pod?: string;
  readonly isReady?: boolean | null;
}
interface Port {
  readonly name?: string;
  readonly port?: number;
  readonly protocol?: string;
}

const namespace = (name: string, labels: Record<string, string> = {}): Posted => ({
  path: '/api/v1/namespaces',
  object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } },
});

const service = (name: string, inNamespace: string, spec: object, labels: Record<string, string> = {}): Posted => ({
  path: `/api/v1/namespaces/${inNamespace}/services`,
  object: { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: inNamespace, labels }, spec },
});

const clusterIp = (name: string, inNamespace: string, ips: readonly string[], ports: readonly Port[]): Posted =>
  service(name, inNamespace, { type: 'ClusterIP', clusterIP: ips[0], clusterIPs: ips, ports, selector: { app: name } });

const headless = (name: string, inNamespace: string, ports: readonly Port[] = []): Posted =>
  clusterIp(name, inNamespace, ['None'], ports);

const externalName = (name: string, target: string): Posted =>
  service(name, 'outer', { type: 'ExternalName', externalName: target });

let slices = 0;
const slice = (
  of: string,
  inNamespace: string,
  endpoints: readonly Endpoint[],
  ports: readonly Port[] = [],
): Posted => {
  const name = `${of}-${slices++}`;
  return {
    path: `/apis/discovery.k8s.io/v1/namespaces/${inNamespace}/endpointslices`,
    object: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: inNamespace, labels: { 'kubernetes.io/service-name': of } },
      addressType: endpoints[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
      endpoints: endpoints.map(({ ip, hostname, pod, isReady }) => ({
        addresses: [ip],
        conditions: isReady === null ? {} : { ready: isReady ?? true },
        ...(hostname === undefined ? {} : { hostname }),
        ...(pod === undefined ? {} : { targetRef: { kind: 'Pod', name: pod, namespace: inNamespace } }),
      })),
      ports,
    },
  };
};

const pod = (
  name: string,
  inNamespace: string,
  podIP: string,
  more: { phase?: string; ips?: readonly string[] } = {},
): Posted => ({
  path: `/api/v1/namespaces/${inNamespace}/pods`,
  object: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: inNamespace },
    spec: {},
    status: { phase: more.phase ?? 'Running', podIP, podIPs: (more.ips ?? [podIP]).map((ip) => ({ ip })) },
  },
});

const http = { name: 'http', port: 80, protocol: 'TCP' };
const https = { name: 'https', port: 443, protocol: 'TCP' };
const dnsPorts = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];
const LONG = 'n'.repeat(63);
const SHOP = 'shop';

/** Everything, Namespaces first. */
export const CLUSTER_OBJECTS: readonly Posted[] = [
  // The first name that both servers are waited for, bench/load/processes.ts.
  namespace('load-0'),
  clusterIp('svc-0', 'load-0', ['10.96.0.2'], [http]),
  slice('svc-0', 'load-0', [{ ip: '10.244.9.1' }], [http]),

  ...['default', 'kube-system', 'empty', 'outer', 'dual', 'hidden'].map((name) => namespace(name)),
  // Names that mean something elsewhere in the grammar, or are as long as a label may be.
  ...['svc', 'pod', 'any', '0', 'a--b', LONG].map((name) => namespace(name, { odd: 'yes' })),
  namespace(SHOP, { team: 'shop' }),
  clusterIp('svc', 'svc', ['10.96.1.1'], [http]),
  clusterIp('pod', 'pod', ['10.96.1.2'], [http]),
  clusterIp('any', 'any', ['10.96.1.3'], [http]),
  clusterIp('0', '0', ['10.96.1.4'], [{ name: '0', port: 1, protocol: 'TCP' }]),
  clusterIp(LONG, LONG, ['10.96.1.5'], [{ name: 'p'.repeat(15), port: 65_535, protocol: 'SCTP' }]),
  clusterIp('a--b', 'a--b', ['10.96.1.6'], [http]),

  clusterIp('kubernetes', 'default', ['10.96.0.1'], [https]),
  slice('kubernetes', 'default', [{ ip: '172.18.0.2' }], [https]),
  clusterIp('kube-dns', 'kube-system', ['10.96.0.10'], dnsPorts),
  slice(
    'kube-dns',
    'kube-system',
    [
      { ip: '10.244.0.3', pod: 'dns-a' },
      { ip: '10.244.0.4', pod: 'dns-b' },
    ],
    dnsPorts,
  ),

  // ClusterIP
  clusterIp('web', SHOP, ['10.96.7.7'], [http, https]),
  slice(
    'web',
    SHOP,
    [
      { ip: '10.244.1.1', pod: 'web-a' },
      { ip: '10.244.1.2', pod: 'web-b' },
      { ip: '10.244.1.3', isReady: false },
    ],
    [http, https],
  ),
  clusterIp('unnamed', SHOP, ['10.96.7.8'], [{ port: 8080, protocol: 'TCP' }]),
  slice('unnamed', SHOP, [{ ip: '10.244.1.4', pod: 'unnamed-a' }], [{ port: 8080, protocol: 'TCP' }]),
  clusterIp('portless', SHOP, ['10.96.7.9'], []),
  clusterIp('idle', SHOP, ['10.96.7.10'], [http]),
  slice('idle', SHOP, [{ ip: '10.244.1.5', isReady: false }], [http]),
  clusterIp('udp-and-tcp', SHOP, ['10.96.7.11'], dnsPorts),
  clusterIp(
    'many',
    SHOP,
    ['10.96.7.12'],
    Array.from({ length: 40 }, (_, i) => ({ name: `p${i}`, port: 7000 + i, protocol: 'TCP' })),
  ),
  slice(
    'many',
    SHOP,
    [{ ip: '10.244.1.6' }],
    Array.from({ length: 40 }, (_, i) => ({ name: `p${i}`, port: 7000 + i, protocol: 'TCP' })),
  ),
  // Without a selector: the slice is made by hand, for addresses outside.
  service('by-hand', SHOP, { type: 'ClusterIP', clusterIP: '10.96.7.13', clusterIPs: ['10.96.7.13'], ports: [http] }),
  slice('by-hand', SHOP, [{ ip: '192.0.2.44' }], [http]),
  service('balanced', SHOP, {
    ...{ type: 'LoadBalancer', clusterIP: '10.96.7.14', clusterIPs: ['10.96.7.14'] },
    ...{ ports: [{ ...http, nodePort: 30_080 }], externalIPs: ['198.51.100.7'] },
  }),
  service('no-address-yet', SHOP, { type: 'ClusterIP', ports: [http] }),
  clusterIp('labelled', SHOP, ['10.96.7.16'], [http]),
  clusterIp('hidden', 'hidden', ['10.96.7.15'], [http]),

  // Both families
  clusterIp('both', 'dual', ['10.96.8.1', 'fd00:10:96::81'], [http]),
  slice('both', 'dual', [{ ip: '10.244.2.1', pod: 'both-a' }], [http]),
  slice('both', 'dual', [{ ip: 'fd00:10:244::21', pod: 'both-a' }], [http]),
  clusterIp('six', 'dual', ['fd00:10:96::82'], [http]),
  slice('six', 'dual', [{ ip: 'fd00:10:244:5::', pod: 'six-a' }], [http]),
  headless('both-headless', 'dual', [http, https]),
  slice('both-headless', 'dual', [{ ip: '10.244.2.2', hostname: 'one' }, { ip: '10.244.2.3' }], [http, https]),
  slice(
    'both-headless',
    'dual',
    [{ ip: 'fd00:10:244::22', hostname: 'one' }, { ip: 'fd00:10:244::23' }],
    [http, https],
  ),

  // Headless
  headless('db', SHOP, [{ name: 'sql', port: 5432, protocol: 'TCP' }]),
  slice(
    'db',
    SHOP,
    [0, 1, 2].map((i) => ({ ip: `10.244.3.${i + 1}`, hostname: `db-${i}`, pod: `db-${i}` })),
    [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  ),
  headless('plain', SHOP, [http]),
  slice(
    'plain',
    SHOP,
    [
      { ip: '10.244.3.11', pod: 'plain-a' },
      { ip: '10.244.3.12', isReady: null, pod: 'plain-b' },
      { ip: '10.244.3.13', isReady: false },
    ],
    [http],
  ),
  // Two slices of one Service, with an address in both, and ports that differ.
  headless('sliced', SHOP, [http]),
  slice('sliced', SHOP, [{ ip: '10.244.3.21' }, { ip: '10.244.3.22' }], [http]),
  slice('sliced', SHOP, [{ ip: '10.244.3.22' }, { ip: '10.244.3.23' }], [{ ...http, port: 8080 }]),
  headless('not-ready', SHOP, [http]),
  slice('not-ready', SHOP, [{ ip: '10.244.3.31', isReady: false }], [http]),
  headless('no-slices', SHOP, [http]),
  headless('no-ports', SHOP),
  slice('no-ports', SHOP, [{ ip: '10.244.3.41', hostname: 'lone' }]),
  headless('large', SHOP, [http]),
  slice(
    'large',
    SHOP,
    Array.from({ length: 90 }, (_, i) => ({ ip: `10.245.0.${i + 1}`, pod: `large-${i}` })),
    [http],
  ),
  headless('shared-names', SHOP, [http]),
  slice(
    'shared-names',
    SHOP,
    [
      { ip: '10.244.3.51', hostname: 'same' },
      { ip: '10.244.3.52', hostname: 'same' },
    ],
    [http],
  ),
  // An endpoint that two Services have.
  headless('db-again', SHOP, [{ name: 'sql', port: 5432, protocol: 'TCP' }]),
  slice('db-again', SHOP, [{ ip: '10.244.3.1', hostname: 'db-0' }], [{ name: 'sql', port: 5432, protocol: 'TCP' }]),
  slice('nobody', SHOP, [{ ip: '10.244.3.61' }], [http]),

  // ExternalName
  externalName('out', 'a.up.test'),
  externalName('out-alias', 'alias.up.test'),
  externalName('out-missing', 'missing.up.test'),
  externalName('out-nodata', 'nodata.up.test'),
  externalName('out-refused', 'refused.up.test'),
  externalName('out-large', 'large.up.test'),
  externalName('in', 'web.shop.svc.cluster.local'),
  externalName('in-headless', 'db.shop.svc.cluster.local'),
  externalName('in-endpoint', 'db-0.db.shop.svc.cluster.local'),
  externalName('in-missing', 'missing.shop.svc.cluster.local'),
  externalName('in-nodata', 'six.dual.svc.cluster.local'),
  externalName('in-upper', 'WEB.Shop.SVC.cluster.local.'),
  externalName('itself', 'itself.outer.svc.cluster.local'),
  externalName('round-a', 'round-b.outer.svc.cluster.local'),
  externalName('round-b', 'round-a.outer.svc.cluster.local'),
  ...Array.from({ length: 12 }, (_, i) =>
    externalName(`chain-${i}`, i === 11 ? 'web.shop.svc.cluster.local' : `chain-${i + 1}.outer.svc.cluster.local`),
  ),
  externalName('chain-out', 'out.outer.svc.cluster.local'),
  externalName('an-address', '192.0.2.1'),
  externalName('a-v6-address', '2001:db8::1'),
  externalName('root', '.'),
  externalName('dotted', 'a..b'),
  externalName('oversized', `${'x'.repeat(64)}.test`),

  // Pods
  ...['web-a', 'web-b'].map((name, i) => pod(name, SHOP, `10.244.1.${i + 1}`)),
  ...[0, 1, 2].map((i) => pod(`db-${i}`, SHOP, `10.244.3.${i + 1}`)),
  pod('both-a', 'dual', '10.244.2.1', { ips: ['10.244.2.1', 'fd00:10:244::21'] }),
  pod('six-a', 'dual', 'fd00:10:244:5::'),
  pod('six-b', 'dual', 'fd00:10:244::9'),
  pod('done', SHOP, '10.244.1.99', { phase: 'Succeeded' }),
  pod('on-node', 'kube-system', '172.18.0.2'),
  pod('on-node', 'default', '172.18.0.2'),
];

/** Creates everything at the API server that takes HTTP on this port. */
export const createObjects = async (httpPort: number): Promise<void> => {
  for (const { path, object } of CLUSTER_OBJECTS) {
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(object),
    });
    // `default` may be there from the start.
    if (!response.ok && response.status !== 409)
      throw new Error(`${path} ${object.metadata.name}: ${response.status} ${await response.text()}`);
  }
};
